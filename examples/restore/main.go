// Command restore verifies a backup and creates a store from it in a new directory. With the
// heads that were written with the backup, it also proves that it is that backup. The master key
// comes from the server's settings. If the key was changed after the backup, restore uses the old
// key that rekey has kept next to the key file. The new store has the key of its backup.
//
//	go run ./examples/restore vault.backup restored vault.backup.heads
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: restore <backup> <new directory> [<heads>]")
		os.Exit(2)
	}
	const stopped = "no store was created and no file is left; run the command again"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return restore(ctx, os.Stdout, os.Args[1], os.Args[2], os.Args[3:]) }))
}

func restore(ctx context.Context, out io.Writer, path, dir string, files []string) error {
	keys, err := setup.BackupKeys(os.Environ(), path)
	if err != nil {
		return err
	}
	var heads []myvault.Head
	for _, file := range files {
		if heads, err = setup.Heads(file); err != nil {
			return err
		}
	}
	report, err := sqlite.Restore(ctx, path, dir, keys, sqlite.Config{}, heads...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, report)
	return err
}
