package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestBackupDuringRekey checks that a backup made between two steps of a rekey opens with the old
// key, or fails with ErrWrongKey.
func TestBackupDuringRekey(t *testing.T) {
	for step := sqlite.AddNewKey; step <= sqlite.ChangeVault; step++ {
		is := is.New(t)
		old, next := crypto.NewKey(), crypto.NewKey()
		s := storetest.Open(t, t.TempDir(), old)
		_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
		is.NoErr(err)
		is.NoErr(s.RekeySteps(t.Context(), next, step))
		path := filepath.Join(t.TempDir(), "backup")
		_, err = s.Backup(t.Context(), path, nil)
		if step == sqlite.ChangeVault { // vault.db has another key than this process was given
			is.True(errors.Is(err, myvault.ErrWrongKey))
			continue
		}
		is.NoErr(err)
		dir := filepath.Join(t.TempDir(), "dir")
		report, err := sqlite.Restore(t.Context(), path, dir, sqlite.StaticKey(old), sqlite.Config{})
		is.NoErr(err)
		is.True(report.Rekeying)
		is.NoErr(storetest.Open(t, dir, old).Rekey(t.Context(), next))
	}
}

// TestBackupsBetweenRekeys checks that exactly one key opens both files of each backup while the
// master key keeps changing.
func TestBackupsBetweenRekeys(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), []crypto.Key{crypto.NewKey(), crypto.NewKey()}
	s := storetest.Open(t, dir, keys[0])
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	ended := make(chan error, 1)
	go func() {
		var err error
		for n := 1; n <= 12 && err == nil; n++ {
			err = s.Rekey(context.Background(), keys[n%2])
			if errors.Is(err, myvault.ErrUnknownOutcome) {
				err = nil // the key has changed; a backup still reads the old bytes
			}
		}
		ended <- err
	}()
	made := 0
	for n := 0; ; n++ {
		path := filepath.Join(t.TempDir(), fmt.Sprint(n))
		_, err := s.Backup(t.Context(), path, nil)
		is.True(err == nil || errors.Is(err, myvault.ErrWrongKey)) // in the middle of a change
		if err == nil {
			made++
			_, one := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(keys[0]))
			_, other := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(keys[1]))
			is.True((one == nil) != (other == nil))
		}
		select {
		case err := <-ended:
			is.NoErr(err)
			is.True(made > 0)
			return
		default:
		}
	}
}
