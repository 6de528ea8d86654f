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

const verifyHelp = `Checks a store or a backup: both chains of its trail are complete, every record
can be decrypted, and the current state agrees with the log.

With heads that were kept elsewhere, it also detects a truncated chain and an
older copy of the store. For an older backup, it uses the old key that rekey has
kept next to the key file.`

func (p *Program) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [DIRECTORY | BACKUP [HEADS]]",
		Short: "Check a store or a backup",
		Long:  verifyHelp,
		Example: `  myvault verify data vault.backup.heads
  myvault verify vault.backup vault.backup.heads`,
		Args:        cobra.MaximumNArgs(2),
		Annotations: Fields(report{}),
		RunE: p.run("the check is not complete; run the command again", func(ctx context.Context, args []string) (fmt.Stringer, error) {
			return withProgress(ctx, p.progress(), func(ctx context.Context) (fmt.Stringer, error) { return verifyTarget(ctx, args) })
		}),
	}
}

// verifyTarget verifies the store of the settings, or the one or the backup in args.
func verifyTarget(ctx context.Context, args []string) (fmt.Stringer, error) {
	target, keys, err := setup.StoreSettings(os.Environ())
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		target = args[0]
	}
	if info, err := os.Stat(target); err == nil && !info.IsDir() {
		if keys, err = setup.BackupKeys(os.Environ(), target); err != nil {
			return nil, err
		}
	}
	var heads []myvault.Head
	if len(args) == 2 {
		read := setup.Heads
		if setup.IsTrailOnly(target) {
			read = setup.TrailHeads
		}
		if heads, err = read(args[1]); err != nil {
			return nil, err
		}
	}
	return verify(ctx, target, keys, heads...)
}

func verify(ctx context.Context, target string, keys sqlite.KeySource, heads ...myvault.Head) (fmt.Stringer, error) {
	check := verifyStore
	if info, err := os.Stat(target); err == nil && !info.IsDir() {
		check = sqlite.VerifyBackup
	}
	done, err := check(ctx, target, keys, heads...)
	if err != nil {
		return nil, err
	}
	return reportOf(target, done), nil
}

func verifyStore(ctx context.Context, dir string, keys sqlite.KeySource, heads ...myvault.Head) (report sqlite.Report, err error) {
	if setup.IsTrailOnly(dir) {
		return verifyTrail(ctx, dir, keys, heads...)
	}
	if err := setup.CheckStore(dir); err != nil {
		return report, err
	}
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{Trail: setup.KeepAll})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Verify(ctx, heads...)
}

// verifyTrail verifies the trail of a server that stores its secrets in HashiCorp Vault.
func verifyTrail(ctx context.Context, dir string, keys sqlite.KeySource, heads ...myvault.Head) (report sqlite.Report, err error) {
	trail, err := sqlite.OpenTrail(ctx, dir, keys, setup.KeepAll)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	return trail.Verify(ctx, heads...)
}
