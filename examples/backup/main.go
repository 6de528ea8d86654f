// Command backup writes an encrypted backup of a store, whether or not the server is running. It
// writes the heads of the trail to a second file with the suffix .heads, and prints them. Keep both
// files elsewhere. It never overwrites a file. The directory and the master key come from the
// server's settings.
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

	"github.com/myswiftagent/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: backup <new file>")
		os.Exit(2)
	}
	const stopped = "no backup was written and no file is left; run the command again"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return backup(ctx, os.Stdout, os.Args[1]) }))
}

func backup(ctx context.Context, out io.Writer, path string) (err error) {
	store, err := setup.Store(ctx, os.Environ())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	headsFile := path + ".heads"
	if _, err := os.Lstat(headsFile); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w; choose another name for the backup", headsFile, fs.ErrExist))
	}
	heads, err := store.Backup(ctx, path, nil)
	if heads == nil {
		return err
	}
	// The backup is complete even if its trail entry could not be written.
	text := sqlite.FormatHeads(heads)
	_, printErr := io.WriteString(out, text)
	return errors.Join(err, setup.WriteNew(headsFile, text), printErr)
}
