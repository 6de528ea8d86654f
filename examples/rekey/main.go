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
	const stopped = "one of the two keys opens the store, and keep both; run the command again, and it goes on from there"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return rekey(ctx, os.Stdout, flag.Arg(0), *data) }))
}

const changed = "the master key is changed; set MSA_MASTER_KEY_FILE to the new file before the next start; backups made before need the old key: keep it"

var errInForce = errors.New("this key is in force already, and nothing is changed; make a new one, and keep the old one for the backups that need it")

func rekey(ctx context.Context, out io.Writer, file string, data bool) (err error) {
	dir, keys, err := setup.Operator(os.Environ())
	if err != nil {
		return err
	}
	key, err := crypto.ReadKeyFile(file)
	if err != nil {
		return fmt.Errorf("the new key: %w", err)
	}
	now, err := keys(ctx)
	if err != nil {
		return err
	}
	same := now.Text() == key.Text()
	if same && !data {
		return errInForce
	}
	if setup.Alone(dir) {
		return rekeyTrail(ctx, out, dir, keys, key, data)
	}
	if err := setup.Existing(dir); err != nil {
		return err
	}
	store, err := open(ctx, dir, keys, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if !same {
		if err := store.Rekey(ctx, key); err != nil {
			return err
		}
		fmt.Fprintln(out, changed)
	}
	if !data {
		return nil
	}
	return renew(ctx, out, store)
}

// open opens the store with the old key, or with the new one where it was stopped when that was in force.
func open(ctx context.Context, dir string, old sqlite.KeySource, key crypto.Key) (*sqlite.Store, error) {
	store, err := sqlite.Open(ctx, dir, old, sqlite.Config{})
	if errors.Is(err, myvault.ErrWrongKey) {
		return sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	}
	return store, err
}

// renew changes the data keys, and seals every value under the new ones.
func renew(ctx context.Context, out io.Writer, store *sqlite.Store) error {
	if _, err := store.NewEpoch(ctx); err != nil {
		return err
	}
	done, err := store.Reencrypt(ctx, nil)
	fmt.Fprintln(out, done)
	return err
}

// rekeyTrail is rekey where the secrets are in HashiCorp Vault.
func rekeyTrail(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource, key crypto.Key, data bool) (err error) {
	if data {
		return errors.New("a trail has no data keys, and the secrets are in HashiCorp Vault; leave -data out")
	}
	trail, err := sqlite.OpenTrail(ctx, dir, keys, sqlite.TrailConfig{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	if err := trail.Rekey(ctx, key); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, changed)
	return err
}
