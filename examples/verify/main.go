// Command verify checks a store: that both chains of its trail are whole, that every record
// opens, and that what is current agrees with the log. The master key comes from
// MSA_MASTER_KEY or MSA_MASTER_KEY_FILE:
//
//	MSA_MASTER_KEY_FILE=/run/keys/vault go run ./examples/verify data
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify <directory of the store>")
		os.Exit(2)
	}
	keys := sqlite.KeySettings(os.Getenv("MSA_MASTER_KEY"), os.Getenv("MSA_MASTER_KEY_FILE"))
	if err := verify(context.Background(), os.Stdout, os.Args[1], keys); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verify(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource) (err error) {
	if _, err := os.Stat(filepath.Join(dir, "vault.db")); err != nil {
		return err // opening would make a new store there
	}
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	report, err := store.Verify(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, report)
	return err
}
