package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

func (a *app) dueCommand() *cobra.Command {
	var within string
	c := &cobra.Command{
		Use:   "due [PREFIX]",
		Short: "List secrets that have expired or need a new value",
		Example: `  myvault due
  myvault due --within 30d newsbot/prod/`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().StringVar(&within, "within", "0s", "also those that are due within this `time`, such as 30d")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		prefix, err := optionalPrefix(args)
		if err != nil {
			return err
		}
		until, err := parseTime("within", within, false)
		if err != nil {
			return err
		}
		return a.due(ctx, v, prefix, until)
	})
	return c
}

// due lists the secrets with a time before until.
func (a *app) due(ctx context.Context, v *connect.Vault, prefix myvault.Prefix, until time.Time) error {
	t := a.table("ADDRESS", "VERSION", "EXPIRES", "ROTATE")
	for i, err := range v.List(ctx, myvault.ListOptions{Prefix: prefix}) {
		if err != nil {
			return err
		}
		if !before(i.Expires, until) && !before(i.RotateAfter, until) {
			continue
		}
		if err := t.row(infoOf(i), i.Address, i.Version, shortTime(i.Expires), shortTime(i.RotateAfter)); err != nil {
			return err
		}
	}
	return t.end()
}

func before(t, until time.Time) bool { return !t.IsZero() && !t.After(until) }
