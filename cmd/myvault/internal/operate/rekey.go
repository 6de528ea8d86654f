package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const rekeyHelp = `Changes the master key of a store, or of a trail without a store, whether or not
the server is running.

It generates the new key, keeps the old key next to it, changes the store and
replaces the key file. If it is stopped, run it again: it completes the change.
A key in the .env is first moved to the file master.key next to it. --data also
changes the data keys and encrypts every value again.

If the server gets its key in another way, set --key-file to a file for the key,
and configure the new key in the server afterwards.`

// options are the flags of rekey.
type options struct {
	data    bool
	keyFile string
	show    func(string, ...any) // progress
}

func (p *Program) rekeyCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:     "rekey",
		Short:   "Change the master key of a store",
		Long:    rekeyHelp,
		Example: `  myvault rekey`,
		Args:    cobra.NoArgs,
		RunE: p.run("one of the key files opens the store and no key is lost; run the command again to continue", func(ctx context.Context, out io.Writer, _ []string) error {
			o.show = p.progress()
			return rekey(ctx, out, o)
		}),
	}
	c.Flags().BoolVar(&o.data, "data", false, "also change the data keys and encrypt every value again")
	c.Flags().StringVar(&o.keyFile, "key-file", "", "the key `file`, if the server gets its key in another way")
	return c
}

const keyNotice = "give the server the key in this file before its next start"

func rekey(ctx context.Context, out io.Writer, o options) error {
	dir, _, err := setup.StoreSettings(os.Environ())
	if err != nil {
		return err
	}
	if o.data && setup.IsTrailOnly(dir) {
		return errors.New("omit --data: a trail has no data keys, and the secrets are in HashiCorp Vault")
	}
	if !setup.IsTrailOnly(dir) {
		if err := setup.CheckStore(dir); err != nil {
			return err
		}
	}
	file, err := setup.KeyFile(os.Environ(), o.keyFile)
	if err != nil {
		return err
	}
	done, err := sqlite.ChangeKey(ctx, dir, file)
	if err == nil || errors.Is(err, myvault.ErrUnknownOutcome) {
		fmt.Fprintln(out, done)
		if o.keyFile != "" {
			fmt.Fprintln(out, keyNotice)
		}
	}
	if err != nil || !o.data {
		return err
	}
	return changeDataKeys(ctx, out, dir, sqlite.KeyFile(file), o.show)
}

// changeDataKeys changes the data keys and encrypts every value with the new ones.
func changeDataKeys(ctx context.Context, out io.Writer, dir string, keys sqlite.KeySource, show func(string, ...any)) (err error) {
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{Trail: setup.KeepAll})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.NewEpoch(ctx); err != nil {
		return err
	}
	done, err := store.Reencrypt(ctx, func(r sqlite.Reencryption) { show("%v", r) })
	show("")
	fmt.Fprintln(out, done)
	return err
}
