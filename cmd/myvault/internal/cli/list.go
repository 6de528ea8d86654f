package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

func (a *app) listCommand() *cobra.Command {
	var deleted bool
	c := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List secrets, without their values",
		Long: `Lists the secrets that you may list, without their values.

newsbot/prod selects the secret or folder of that name and everything below it;
newsbot/prod/ only what lies below.`,
		Example: `  myvault list
  myvault list newsbot/prod/
  myvault list --deleted --json newsbot | jq -r .path`,
		Aliases:           []string{"ls"},
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().BoolVar(&deleted, "deleted", false, "include deleted secrets")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		prefix, err := optionalPrefix(args)
		if err != nil {
			return err
		}
		return a.list(ctx, v, myvault.ListOptions{Prefix: prefix, Deleted: deleted})
	})
	return c
}

func (a *app) list(ctx context.Context, v *connect.Vault, o myvault.ListOptions) error {
	t := a.table("ADDRESS", "VERSION", "STATE", "UPDATED", "BY")
	for i, err := range v.List(ctx, o) {
		if err != nil {
			return err
		}
		if err := t.row(infoOf(i), i.Address, i.Version, i.State, shortTime(i.At), i.By); err != nil {
			return err
		}
	}
	return t.end()
}

func (a *app) historyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:               "history ADDRESS",
		Short:             "List the versions of a secret, newest first",
		Example:           `  myvault history newsbot/prod/db`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		t := a.table("VERSION", "STATE", "UPDATED", "BY", "EXPIRES", "ROTATE")
		for i, err := range v.Versions(ctx, addr) {
			if err != nil {
				return err
			}
			if err := t.row(infoOf(i), i.Version, i.State, shortTime(i.At), i.By, shortTime(i.Expires), shortTime(i.RotateAfter)); err != nil {
				return err
			}
		}
		return t.end()
	})
	return c
}
