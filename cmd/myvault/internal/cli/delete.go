package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

// changed is the JSON of a change that returns no version.
type changed struct {
	Project  string   `json:"project"`
	Path     string   `json:"path,omitempty"`
	Change   string   `json:"change"`
	Versions []uint64 `json:"versions,omitempty"` // none: all
}

func (a *app) deleteCommand() *cobra.Command {
	var ifVersion uint64
	c := &cobra.Command{
		Use:   "delete ADDRESS",
		Short: "Delete a secret; undelete restores it",
		Example: `  myvault delete newsbot/prod/db
  myvault delete --if-version 4 newsbot/prod/db`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().Uint64Var(&ifVersion, "if-version", 0, "delete only if this is the current `version`")
	remove := a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		if err := v.Delete(ctx, addr, putOptions{ifVersion: ifVersion}.conditions()...); err != nil {
			return err
		}
		return a.print(changed{Project: addr.Project, Path: addr.Path, Change: "delete"}, "%s is deleted; myvault undelete restores it", addr)
	})
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkIfVersion(cmd); err != nil {
			return err
		}
		return remove(cmd, args)
	}
	return c
}

func (a *app) undeleteCommand() *cobra.Command {
	c := &cobra.Command{
		Use:               "undelete ADDRESS",
		Short:             "Restore a deleted secret",
		Example:           `  myvault undelete newsbot/prod/db`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		i, err := v.Undelete(ctx, addr)
		if err != nil {
			return err
		}
		return a.print(infoOf(i), "%s version %d is restored", i.Address, i.Version)
	})
	return c
}

const destroyHelp = `Destroys values for good: those of the versions given, or of all versions with
--all. The entries of the trail stay.

A backup still has the values until you destroy it too.`

func (a *app) destroyCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "destroy ADDRESS (VERSION... | --all)",
		Short: "Destroy values for good",
		Long:  destroyHelp,
		Example: `  myvault destroy newsbot/prod/db 1 2 3
  myvault destroy newsbot/prod/db --all`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().BoolVar(&all, "all", false, "destroy all versions")
	run := a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, versions, err := parseVersions(args, all)
		if err != nil {
			return err
		}
		if err := v.Destroy(ctx, addr, versions...); err != nil {
			return err
		}
		result := changed{Project: addr.Project, Path: addr.Path, Change: "destroy"}
		for _, version := range versions {
			result.Versions = append(result.Versions, uint64(version))
		}
		return a.print(result, "%s: destroyed %s", addr, describeVersions(versions))
	})
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if _, _, err := parseVersions(args, all); err != nil {
			return err
		}
		return run(cmd, args)
	}
	return c
}

func parseVersions(args []string, all bool) (addr myvault.Address, versions []myvault.Version, err error) {
	if addr, err = parseAddress(args[0]); err != nil {
		return addr, nil, err
	}
	if all == (len(args) > 1) {
		return addr, nil, usagef("name the versions to destroy, or --all")
	}
	for _, arg := range args[1:] {
		version, err := parseVersion(arg)
		if err != nil {
			return addr, nil, err
		}
		versions = append(versions, version)
	}
	return addr, versions, nil
}

func describeVersions(versions []myvault.Version) string {
	if len(versions) == 0 {
		return "all versions"
	}
	return fmt.Sprintf("versions %v", versions)
}
