package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

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
