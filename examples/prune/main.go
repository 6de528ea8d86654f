// Command prune destroys old versions of secrets and removes old access entries, while the
// server runs or not. The directory and the master key come from the server's settings.
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

	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	keep := flag.Int("keep", 0, "destroy all versions of a secret but the newest ones that have a value, so many (0: none goes)")
	days := flag.Int("days", 0, "remove access entries that are older (0: none goes)")
	flag.Parse()
	if flag.NArg() != 0 || *keep < 0 || *days < 0 || *keep == 0 && *days == 0 {
		flag.Usage()
		os.Exit(2)
	}
	const stopped = "what is destroyed or removed stays so; run the command again for the rest"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return prune(ctx, os.Stdout, *keep, *days) }))
}

func prune(ctx context.Context, out io.Writer, keep, days int) (err error) {
	dir, keys, err := setup.Operator(os.Environ())
	if err == nil && keep == 0 && setup.Alone(dir) {
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

// pruneTrail is prune where the secrets are in HashiCorp Vault.
func pruneTrail(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource, days int) (err error) {
	trail, err := sqlite.OpenTrail(ctx, dir, keys, setup.KeepAll)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	return pruneAccess(ctx, out, trail.Prune, days)
}

func pruneAccess(ctx context.Context, out io.Writer, of func(context.Context, sqlite.AccessLimit, func(uint64)) (uint64, error), days int) error {
	if days == 0 {
		return nil
	}
	n, err := of(ctx, sqlite.AccessLimit{Before: time.Now().AddDate(0, 0, -days)}, nil)
	fmt.Fprintln(out, n, "access entries removed")
	return err
}
