package operate

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const restoreHelp = `Verifies a backup and creates a store from it in a new directory.

With the heads that were written with the backup, it also proves that it is that
backup. If the master key was changed after the backup, it uses the old key that
rekey has kept next to the key file. The new store has the key of its backup.`

func (p *Program) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "restore BACKUP DIRECTORY [HEADS]",
		Short:       "Create a store from a backup",
		Long:        restoreHelp,
		Example:     `  myvault restore vault.backup restored vault.backup.heads`,
		Args:        cobra.RangeArgs(2, 3),
		Annotations: Fields(restored{}),
		RunE: p.run("no store was created and no file is left; run the command again", func(ctx context.Context, args []string) (fmt.Stringer, error) {
			return withProgress(ctx, p.progress(), func(ctx context.Context) (fmt.Stringer, error) {
				return restore(ctx, args[0], args[1], args[2:])
			})
		}),
	}
}

// restored is the result of restore.
type restored struct {
	Directory string `json:"directory" help:"the new store"`
	report
}

func restore(ctx context.Context, path, dir string, files []string) (fmt.Stringer, error) {
	keys, err := setup.BackupKeys(os.Environ(), path)
	if err != nil {
		return nil, err
	}
	var heads []myvault.Head
	for _, file := range files {
		if heads, err = setup.Heads(file); err != nil {
			return nil, err
		}
	}
	done, err := sqlite.Restore(ctx, path, dir, keys, sqlite.Config{}, heads...)
	if err != nil {
		return nil, err
	}
	return restored{dir, reportOf(path, done)}, nil
}
