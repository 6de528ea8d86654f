// Command rekey changes the master key of a store to the one in a file, while the server runs
// or not. With -data it changes the data keys too, and seals every value anew. If it is
// stopped, run it again. The directory and the present key come from the server's settings.
//
//	(umask 077; echo "base64:$(head -c 32 /dev/urandom | base64)" > new.key)
//	go run ./examples/rekey new.key
//
// Afterwards give the server the new key, by MSA_MASTER_KEY_FILE in its .env; with -data at
// once: what is sealed under a new data key it can only read with the new master key. Keep the
// old one as long as backups that were made under it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	data := flag.Bool("data", false, "change the data keys too")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: rekey [-data] <file of the new key>")
		os.Exit(2)
	}
	if err := rekey(context.Background(), os.Stdout, flag.Arg(0), *data); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rekey(ctx context.Context, out io.Writer, file string, data bool) (err error) {
	dir, keys, err := setup.Operator(os.Environ())
	if err != nil {
		return err
	}
	if err := setup.Existing(dir); err != nil {
		return err
	}
	key, err := crypto.ReadKeyFile(file)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{})
	if errors.Is(err, myvault.ErrWrongKey) { // it was stopped when the new key was already in force
		store, err = sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Rekey(ctx, key); err != nil {
		return err
	}
	fmt.Fprintln(out, "the master key is changed; set MSA_MASTER_KEY_FILE to the new file before the next start")
	if !data {
		return nil
	}
	if _, err := store.NewEpoch(ctx); err != nil {
		return err
	}
	done, err := store.Reencrypt(ctx, nil)
	fmt.Fprintln(out, done)
	return err
}
