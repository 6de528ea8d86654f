// Command backup writes an encrypted backup of a store, while the server runs or not, and
// prints the heads that are in it: keep both elsewhere. The directory and the master key come from
// the server's settings.
//
//	go run ./examples/backup vault.backup > vault.heads
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: backup <new file>")
		os.Exit(2)
	}
	const stopped = "there is no backup, and nothing is left of it; run the command again"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return backup(ctx, os.Stdout, os.Args[1]) }))
}

func backup(ctx context.Context, out io.Writer, path string) (err error) {
	store, err := setup.Store(ctx, os.Environ())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	heads, err := store.Backup(ctx, path, nil)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, sqlite.FormatHeads(heads))
	return err
}
