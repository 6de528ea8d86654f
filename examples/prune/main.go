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
	keep := flag.Int("keep", 0, "destroy all versions of a secret but the newest ones, so many (0: none goes)")
	days := flag.Int("days", 0, "remove access entries that are older (0: none goes)")
	flag.Parse()
	if flag.NArg() != 0 || *keep < 0 || *days < 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := prune(context.Background(), os.Stdout, *keep, *days); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func prune(ctx context.Context, out io.Writer, keep, days int) (err error) {
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
	if days > 0 {
		n, err := store.PruneAccess(ctx, sqlite.AccessLimit{Before: time.Now().AddDate(0, 0, -days)}, nil)
		fmt.Fprintln(out, n, "access entries removed")
		return err
	}
	return nil
}
