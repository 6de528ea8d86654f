package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/usage"
)

// lastUse is the JSON of the last read of a secret.
type lastUse struct {
	info
	LastReadAt string `json:"last_read_at,omitempty"`
	LastReadBy string `json:"last_read_by,omitempty"`
	KnownSince string `json:"known_since"`
}

func (a *app) usageCommand() *cobra.Command {
	var unused string
	c := &cobra.Command{
		Use:   "usage [PREFIX]",
		Short: "Show when each secret was last read, and by whom",
		Long: `Shows when each secret was last read, and by which service.

It knows what the trail knows: known_since is the time of its oldest entry.`,
		Example: `  myvault usage newsbot/prod/
  myvault usage --unused-for 90d --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().StringVar(&unused, "unused-for", "", "only secrets not read for this `time`, such as 90d")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		prefix, err := optionalPrefix(args)
		if err != nil {
			return err
		}
		since, err := parseTime("unused-for", unused, true)
		if err != nil {
			return err
		}
		return a.usage(ctx, v, usage.Options{Prefix: prefix, UnusedSince: since})
	})
	return c
}

func (a *app) usage(ctx context.Context, v *connect.Vault, o usage.Options) error {
	t := a.table("ADDRESS", "VERSION", "LAST READ", "BY")
	for more := true; more; {
		page, err := v.Usage(ctx, o, 1000)
		if err != nil {
			return err
		}
		for _, s := range page.Items {
			use := lastUse{infoOf(s.Info), rfc3339.Format(s.LastRead), s.ReadBy, rfc3339.Format(page.Since)}
			by := s.ReadBy
			if s.LastRead.IsZero() {
				by = "-"
			}
			if err := t.row(use, s.Address, s.Version, shortTime(s.LastRead), by); err != nil {
				return err
			}
		}
		o.After, more = page.Next, page.More
	}
	return t.end()
}
