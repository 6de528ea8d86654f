// Command prune destroys old versions of secrets and removes old access entries, whether or not the
// server is running. The directory and the master key come from the server's settings.
//
//	go run ./examples/prune -keep 10 -days 30
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/myswiftagent/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	keep := flag.Int("keep", 0, "number of versions with a value to keep of each secret; destroy older ones (0: keep all)")
	days := flag.Int("days", 0, "remove access entries older than this number of days (0: keep all)")
	flag.Parse()
	if flag.NArg() != 0 || *keep < 0 || *days < 0 || *keep == 0 && *days == 0 {
		flag.Usage()
		os.Exit(2)
	}
	const stopped = "what was destroyed or removed so far is final; run the command again for the rest"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return prune(ctx, os.Stdout, *keep, *days) }))
}

func prune(ctx context.Context, out io.Writer, keep, days int) (err error) {
	dir, keys, err := setup.StoreSettings(os.Environ())
	if err == nil && keep == 0 && setup.IsTrailOnly(dir) {
		return pruneTrail(ctx, out, dir, keys, days)
	}
	store, err := setup.Store(ctx, os.Environ())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if keep > 0 {
		n, err := store.PruneVersions(ctx, sqlite.VersionLimit{Keep: keep}, nil)
		fmt.Fprintln(out, n, "versions destroyed")
		if err != nil {
			return err
		}
	}
	return pruneAccess(ctx, out, store.PruneAccess, days)
}

// pruneTrail prunes the trail of a server that stores its secrets in HashiCorp Vault.
func pruneTrail(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource, days int) (err error) {
	trail, err := sqlite.OpenTrail(ctx, dir, keys, setup.KeepAll)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	return pruneAccess(ctx, out, trail.Prune, days)
}

func pruneAccess(ctx context.Context, out io.Writer, remove func(context.Context, sqlite.AccessLimit, func(uint64)) (uint64, error), days int) error {
	if days == 0 {
		return nil
	}
	n, err := remove(ctx, sqlite.AccessLimit{Before: time.Now().AddDate(0, 0, -days)}, nil)
	fmt.Fprintln(out, n, "access entries removed")
	return err
}
