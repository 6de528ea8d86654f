// Command backup writes an encrypted backup of a store, while the server runs or not, and beside it
// its heads, in a file of that name with .heads, which it also prints. Keep both elsewhere. It
// never replaces a file. The directory and the master key come from the server's settings.
//
//	go run ./examples/backup vault.backup
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	beside := path + ".heads"
	if _, err := os.Lstat(beside); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w; give the backup another name", beside, fs.ErrExist))
	}
	heads, err := store.Backup(ctx, path, nil)
	if heads == nil {
		return err
	}
	// Even where its entry is missing the backup is there.
	text := sqlite.FormatHeads(heads)
	_, printed := io.WriteString(out, text)
	return errors.Join(err, setup.WriteNew(beside, text), printed)
}
