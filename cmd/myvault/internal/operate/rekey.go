package operate

import (
	"context"
	"errors"
	"fmt"
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
		Use:         "rekey",
		Short:       "Change the master key of a store",
		Long:        rekeyHelp,
		Example:     `  myvault rekey`,
		Args:        cobra.NoArgs,
		Annotations: Fields(rekeyResult{}),
		RunE: p.run("one of the key files opens the store and no key is lost; run the command again to continue", func(ctx context.Context, _ []string) (fmt.Stringer, error) {
			o.show = p.progress()
			return rekey(ctx, o)
		}),
	}
	c.Flags().BoolVar(&o.data, "data", false, "also change the data keys and encrypt every value again")
	c.Flags().StringVar(&o.keyFile, "key-file", "", "the key `file`, if the server gets its key in another way")
	return c
}

const keyNotice = "give the server the key in this file before its next start"

// rekeyResult is a change of the master key, and of the data keys.
type rekeyResult struct {
	KeyFile string       `json:"key_file" help:"the file with the new key"`
	Kept    string       `json:"kept_key_file" help:"the file with the key before; empty if no file still had it"`
	Resumed bool         `json:"resumed" help:"true: an earlier call began the change, and was stopped"`
	Data    *reencrypted `json:"data" help:"with --data: the values that were encrypted again; otherwise null"`

	change     sqlite.KeyChange
	reencrypts sqlite.Reencryption
	external   bool // the server gets its key in another way
}

// reencrypted is the change of the data keys.
type reencrypted struct {
	Epoch     uint32 `json:"epoch" help:"number of the current data key"`
	Resealed  uint64 `json:"records_encrypted" help:"versions that were encrypted again"`
	Remaining uint64 `json:"records_remaining" help:"versions left under earlier keys"`
	Deleted   uint64 `json:"keys_deleted" help:"earlier data keys that were deleted"`
}

func (r *rekeyResult) String() string {
	text := fmt.Sprintln(r.change)
	if r.external {
		text += keyNotice + "\n"
	}
	if r.Data != nil {
		text += fmt.Sprintln(r.reencrypts)
	}
	return text
}

func rekey(ctx context.Context, o options) (fmt.Stringer, error) {
	dir, _, err := setup.StoreSettings(os.Environ())
	if err != nil {
		return nil, err
	}
	if o.data && setup.IsTrailOnly(dir) {
		return nil, errors.New("omit --data: a trail has no data keys, and the secrets are in HashiCorp Vault")
	}
	if !setup.IsTrailOnly(dir) {
		if err := setup.CheckStore(dir); err != nil {
			return nil, err
		}
	}
	file, err := setup.KeyFile(os.Environ(), o.keyFile)
	if err != nil {
		return nil, err
	}
	done, err := sqlite.ChangeKey(ctx, dir, file)
	if err != nil && !errors.Is(err, myvault.ErrUnknownOutcome) {
		return nil, err
	}
	result := &rekeyResult{KeyFile: done.KeyFile, Kept: done.Kept, Resumed: done.Resumed, change: done, external: o.keyFile != ""}
	if err != nil || !o.data {
		return result, err
	}
	return result, changeDataKeys(ctx, result, dir, sqlite.KeyFile(file), o.show)
}

// changeDataKeys changes the data keys and encrypts every value with the new ones.
func changeDataKeys(ctx context.Context, result *rekeyResult, dir string, keys sqlite.KeySource, show func(string, ...any)) (err error) {
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
	result.reencrypts, result.Data = done, &reencrypted{done.Epoch, done.Resealed, done.Remaining, done.Deleted}
	return err
}
