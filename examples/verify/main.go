// Command verify checks a store or a backup: both chains of its trail are complete, every record
// can be decrypted, and the current state agrees with the log. With heads that were kept
// elsewhere, it also detects a truncated chain and an older copy of the store. The master key,
// and the directory unless it is an argument, come from the server's settings.
//
// For an older backup, verify uses the old key that rekey has kept next to the key file.
//
//	go run ./examples/verify data vault.backup.heads
//	go run ./examples/verify vault.backup vault.backup.heads
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	if len(os.Args) > 3 || len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: verify [<directory or backup> [<heads>]]")
		os.Exit(2)
	}
	const stopped = "the check is not complete; run the command again"
	os.Exit(setup.Run(stopped, func(ctx context.Context) error { return run(ctx, os.Stdout, os.Args[1:]) }))
}

func run(ctx context.Context, out io.Writer, args []string) error {
	target, keys, err := setup.StoreSettings(os.Environ())
	if err != nil {
		return err
	}
	if len(args) > 0 {
		target = args[0]
	}
	if info, err := os.Stat(target); err == nil && !info.IsDir() {
		if keys, err = setup.BackupKeys(os.Environ(), target); err != nil {
			return err
		}
	}
	var heads []myvault.Head
	if len(args) == 2 {
		read := setup.Heads
		if setup.IsTrailOnly(target) {
			read = setup.TrailHeads
		}
		if heads, err = read(args[1]); err != nil {
			return err
		}
	}
	return verify(ctx, out, target, keys, heads...)
}

func verify(ctx context.Context, out io.Writer, target string, keys sqlite.KeySource, heads ...myvault.Head) error {
	check := verifyStore
	if info, err := os.Stat(target); err == nil && !info.IsDir() {
		check = sqlite.VerifyBackup
	}
	report, err := check(ctx, target, keys, heads...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, report)
	return err
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
