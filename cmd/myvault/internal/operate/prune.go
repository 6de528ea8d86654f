package operate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const pruneHelp = `Destroys old versions of secrets and removes old access entries, whether or not
the server is running.`

func (p *Program) pruneCommand() *cobra.Command {
	var keep, days uint16
	c := &cobra.Command{
		Use:         "prune",
		Short:       "Destroy old versions, remove old access entries",
		Long:        pruneHelp,
		Example:     `  myvault prune --keep 10 --days 30`,
		Args:        cobra.NoArgs,
		Annotations: Fields(pruneResult{}),
		RunE: p.run("what was destroyed or removed so far is final; run the command again for the rest", func(ctx context.Context, _ []string) (fmt.Stringer, error) {
			return prune(ctx, int(keep), int(days), p.progress())
		}),
	}
	c.Flags().Uint16Var(&keep, "keep", 0, "`number` of versions with a value to keep of each secret; 0: all")
	c.Flags().Uint16Var(&days, "days", 0, "remove access entries older than this `number` of days; 0: none")
	c.MarkFlagsOneRequired("keep", "days")
	return c
}

// pruneResult counts what was removed. A nil count was not asked for.
type pruneResult struct {
	Versions *uint64 `json:"versions_destroyed" help:"destroyed versions; null without --keep"`
	Entries  *uint64 `json:"access_entries_removed" help:"removed entries of the trail; null without --days"`
}

func (r *pruneResult) String() string {
	text := ""
	if r.Versions != nil {
		text = fmt.Sprintln(*r.Versions, "versions destroyed")
	}
	if r.Entries != nil {
		text += fmt.Sprintln(*r.Entries, "access entries removed")
	}
	return text
}

func prune(ctx context.Context, keep, days int, show func(string, ...any)) (_ fmt.Stringer, err error) {
	result := new(pruneResult)
	dir, keys, err := setup.StoreSettings(os.Environ())
	if err == nil && keep == 0 && setup.IsTrailOnly(dir) {
		return result, pruneTrail(ctx, result, dir, keys, days)
	}
	store, err := setup.Store(ctx, os.Environ())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if keep > 0 {
		n, err := store.PruneVersions(ctx, sqlite.VersionLimit{Keep: keep}, func(n uint64) { show("%d versions destroyed", n) })
		show("")
		result.Versions = &n
		if err != nil {
			return result, err
		}
	}
	return result, pruneAccess(ctx, result, store.PruneAccess, days)
}

// pruneTrail prunes the trail of a server that stores its secrets in HashiCorp Vault.
func pruneTrail(ctx context.Context, result *pruneResult, dir string, keys sqlite.KeySource, days int) (err error) {
	trail, err := sqlite.OpenTrail(ctx, dir, keys, setup.KeepAll)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	return pruneAccess(ctx, result, trail.Prune, days)
}

func pruneAccess(ctx context.Context, result *pruneResult, remove func(context.Context, sqlite.AccessLimit, func(uint64)) (uint64, error), days int) error {
	if days == 0 {
		return nil
	}
	n, err := remove(ctx, sqlite.AccessLimit{Before: time.Now().AddDate(0, 0, -days)}, nil)
	result.Entries = &n
	return err
}
