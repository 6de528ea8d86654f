package operate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const backupHelp = `Writes an encrypted backup of a store, whether or not its server is running.

It writes the heads of the trail to a second file with the suffix .heads, and
prints them. Keep both files elsewhere. It never overwrites a file. The
directory and the master key come from the settings of the server.`

func (p *Program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "backup FILE",
		Short:       "Write an encrypted backup of a store",
		Long:        backupHelp,
		Example:     `  myvault backup vault.backup`,
		Args:        cobra.ExactArgs(1),
		Annotations: Fields(backupResult{}),
		RunE: p.run("no backup was written and no file is left; run the command again", func(ctx context.Context, args []string) (fmt.Stringer, error) {
			return backup(ctx, args[0], p.progress())
		}),
	}
}

// backupResult is a backup. It prints its heads.
type backupResult struct {
	File      string `json:"file" help:"the backup"`
	HeadsFile string `json:"heads_file" help:"the file with the heads"`
	Heads     []head `json:"heads" help:"the heads of the trail at the time of the backup"`
	text      string
}

func (r backupResult) String() string { return r.text }

func backup(ctx context.Context, path string, show func(string, ...any)) (result fmt.Stringer, err error) {
	store, err := setup.Store(ctx, os.Environ())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	headsFile := path + ".heads"
	if _, err := os.Lstat(headsFile); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, fmt.Errorf("%s: %w; choose another name for the backup", headsFile, fs.ErrExist))
	}
	heads, err := store.Backup(ctx, path, func(done, total int64) { show("%d of %d MiB", done>>20, total>>20) })
	show("")
	if heads == nil {
		return nil, err
	}
	// The backup is complete even if its trail entry could not be written.
	text := sqlite.FormatHeads(heads)
	return backupResult{path, headsFile, headsOf(heads), text}, errors.Join(err, setup.WriteNew(headsFile, []byte(text)))
}
