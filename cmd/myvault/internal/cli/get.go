package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

const getHelp = `Prints the value of a secret, byte for byte, to a pipe or a file.

On a terminal it prints only when and by whom the secret was written, and does
not read the value. --reveal prints the value there too, with each control
character as an escape such as \x1b.`

func (a *app) getCommand() *cobra.Command {
	var version uint64
	var reveal bool
	c := &cobra.Command{
		Use:   "get ADDRESS",
		Short: "Print the value of a secret",
		Long:  getHelp,
		Example: `  myvault get newsbot/prod/db | psql-with-password
  myvault get --reveal newsbot/prod/db
  myvault get --version 3 --json newsbot/prod/db | jq -r .value`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().Uint64Var(&version, "version", 0, "an older `version`")
	c.Flags().BoolVar(&reveal, "reveal", false, "print the value on a terminal")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		if a.onTerminal() && !reveal {
			return a.describeSecret(ctx, v, addr, myvault.Version(version))
		}
		secret, err := readVersion(ctx, v, addr, myvault.Version(version))
		if err != nil {
			return err
		}
		return a.printSecret(secret)
	})
	return c
}

// readVersion reads a version, or the current one if version is 0.
func readVersion(ctx context.Context, v *connect.Vault, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if version == 0 {
		return v.Get(ctx, addr)
	}
	return v.GetVersion(ctx, addr, version)
}

// printSecret prints the value alone, or with --json the version with its value. On a terminal the
// value ends with a line break.
func (a *app) printSecret(s myvault.Secret) error {
	if a.json {
		return a.printJSON(struct {
			info
			value
		}{infoOf(s.Info), valueOf(s.Value)})
	}
	_, err := a.out.Write(s.Value.RevealBytes())
	if a.onTerminal() {
		fmt.Fprintln(a.out)
	}
	return err
}

// describeSecret prints a version without reading its value.
func (a *app) describeSecret(ctx context.Context, v *connect.Vault, addr myvault.Address, version myvault.Version) error {
	for i, err := range v.Versions(ctx, addr) {
		if err != nil {
			return err
		}
		if version == 0 || i.Version == version {
			return a.print(infoOf(i), "%s\nthe value is hidden: --reveal shows it", describeInfo(i))
		}
	}
	return &myvault.Error{Op: "get", Address: addr, Err: myvault.ErrNotFound}
}
