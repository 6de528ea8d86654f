// Command rekey changes the master key of a store, or of the trail alone, to a new one, while the
// server runs or not: it makes the new key, keeps the present one beside it, changes the store and
// installs the key file. It can be stopped at any point and run again: it finishes the change that
// was begun. With -data it changes the data keys too, and seals every value anew.
//
//	go run ./examples/rekey
//
// Directory and key file come from the server's settings. A key in the .env is first moved into a
// file, master.key beside it. If the server gets its key in another way, name with -key-file a file
// that is to hold the key, and hand the new one over afterwards.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	var o options
	flag.BoolVar(&o.data, "data", false, "change the data keys too, and seal every value anew")
	flag.StringVar(&o.keyFile, "key-file", "", "the `file` of the key, if the server gets it in another way")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: rekey [-data] [-key-file <file>]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	const stopped = "one of the key files opens the store, and every key is kept; run the command again, and it goes on from there"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return rekey(ctx, os.Stdout, o) }))
}

// options are the command line.
type options struct {
	data    bool
	keyFile string
}

const handOver = "give the server the key in this file before its next start"

func rekey(ctx context.Context, out io.Writer, o options) error {
	dir, _, err := setup.Operator(os.Environ())
	if err != nil {
		return err
	}
	if o.data && setup.Alone(dir) {
		return errors.New("a trail has no data keys, and the secrets are in HashiCorp Vault; leave -data out")
	}
	if !setup.Alone(dir) {
		if err := setup.Existing(dir); err != nil {
			return err
		}
	}
	file, err := setup.KeyFile(os.Environ(), o.keyFile)
	if err != nil {
		return err
	}
	done, err := sqlite.ChangeKey(ctx, dir, file)
	if err == nil || errors.Is(err, myvault.ErrUnknownOutcome) { // then old bytes are left alone
		fmt.Fprintln(out, done)
		if o.keyFile != "" {
			fmt.Fprintln(out, handOver)
		}
	}
	if err != nil || !o.data {
		return err
	}
	return renew(ctx, out, dir, sqlite.KeyFile(file))
}

// renew changes the data keys, and seals every value under the new ones.
func renew(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource) (err error) {
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{Trail: setup.KeepAll})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.NewEpoch(ctx); err != nil {
		return err
	}
	done, err := store.Reencrypt(ctx, nil)
	fmt.Fprintln(out, done)
	return err
}
