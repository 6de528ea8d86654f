package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// outcomes returns the outcomes of the entries of an action, oldest first.
func outcomes(t *testing.T, s myvault.Trail, action string) (all []myvault.Outcome) {
	t.Helper()
	for e, err := range s.Entries(context.Background(), myvault.TrailFilter{Action: action}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append([]myvault.Outcome{e.Outcome}, all...)
	}
	return all
}

// TestCanceledPruneIsRecorded checks that a prune is recorded even if it is canceled after its
// first step.
func TestCanceledPruneIsRecorded(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	storetest.Record(t, s, 1000)
	ctx, stop := context.WithCancel(t.Context())
	var during []myvault.Outcome
	n, err := s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: 900}, func(uint64) {
		during = outcomes(t, s, "prune") // the entries that a crash here would leave
		stop()
	})
	is.True(errors.Is(err, context.Canceled))
	is.True(n > 0 && n < 900)
	is.Equal(during, []myvault.Outcome{myvault.OutcomeBegun})
	is.Equal(outcomes(t, s, "prune"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeError})
}

// TestPruneKeepsItsOwnEntry checks that a prune keeps its own entry while others are added.
func TestPruneKeepsItsOwnEntry(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	storetest.Record(t, s, 600)
	left := 3
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 1 << 40}, func(uint64) {
		if left--; left > 0 {
			storetest.Record(t, s, 10)
		}
	})
	is.NoErr(err)
	is.Equal(outcomes(t, s, "prune"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeOK})
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestRekeyIsRecordedFirst checks that a rekey is recorded before it starts and that its outcome
// is recorded too.
func TestRekeyIsRecordedFirst(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	is.NoErr(s.Rekey(t.Context(), next))
	is.Equal(outcomes(t, s, "rekey"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeOK})
	other, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(next), sqlite.Config{})
	is.NoErr(err)
	defer other.Close()
	is.NoErr(s.Rekey(t.Context(), crypto.NewKey()))
	is.True(errors.Is(other.Rekey(t.Context(), crypto.NewKey()), myvault.ErrWrongKey))
	all := outcomes(t, s, "rekey")
	is.Equal(all[len(all)-2:], []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeError})
	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = s.Reencrypt(t.Context(), nil)
	is.NoErr(err)
	is.Equal(outcomes(t, s, "reencrypt"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeOK})
}

// TestNoRekeyWithoutEntry checks that the key does not change if the entry cannot be written.
func TestNoRekeyWithoutEntry(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	r := storetest.OpenRaw(t, dir, "access.db")
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "rekey", At: storetest.At}))
	r.Exec(`CREATE UNIQUE INDEX no_other ON batch(length(body) > 0)`)
	is.True(s.Rekey(t.Context(), next) != nil)
	r.Exec(`DROP INDEX no_other`)
	is.True(storetest.Opens(t, dir, old))
	is.True(!storetest.Opens(t, dir, next))
}

// TestRestoreRemovesLeftovers checks that a restore removes the temporary directories of earlier
// ones, with any name of a store, and nothing else.
func TestRestoreRemovesLeftovers(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	_, path, _ := backedUp(t, key)
	parent := t.TempDir()
	left := []string{".making-restore-vault-17", ".making-restore-vault-2-17", ".making-restore--17"}
	others := []string{".making-restore-vault", ".making-restore-vault-", ".making-restore-vault-2x", ".making-restore17", "restore-vault-17"}
	for _, name := range append(left, others...) {
		dir := filepath.Join(parent, name)
		is.NoErr(os.Mkdir(dir, 0o700))
		is.NoErr(os.Chtimes(dir, storetest.At, storetest.At))
	}
	_, err := sqlite.Restore(t.Context(), path, filepath.Join(parent, "vault"), sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	for _, name := range left {
		_, err = os.Stat(filepath.Join(parent, name))
		is.True(errors.Is(err, os.ErrNotExist))
	}
	for _, name := range others {
		_, err = os.Stat(filepath.Join(parent, name))
		is.NoErr(err)
	}
}

// TestRestoreRefusesSymlink checks that a symbolic link in place of the directory is refused and
// left alone.
func TestRestoreRefusesSymlink(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	_, path, _ := backedUp(t, key)
	for _, target := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		link := filepath.Join(t.TempDir(), "vault")
		is.NoErr(os.Symlink(target, link))
		_, err := sqlite.Restore(t.Context(), path, link, sqlite.StaticKey(key), sqlite.Config{})
		is.True(errors.Is(err, sqlite.ErrForeign))
		got, err := os.Readlink(link)
		is.NoErr(err)
		is.Equal(got, target)
	}
}

// TestBackupWithoutHeadsFile checks that a backup is kept if its heads file cannot be written,
// and that the error says so.
func TestBackupWithoutHeadsFile(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	missing := filepath.Join(t.TempDir(), "missing", "heads")
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(key), sqlite.Config{HeadsFile: missing})
	is.NoErr(err)
	path := filepath.Join(t.TempDir(), "backup")
	heads, err := s.Backup(t.Context(), path, nil)
	is.True(errors.Is(err, os.ErrNotExist))
	is.True(strings.Contains(err.Error(), "the backup is complete"))
	_, err = sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(key), heads...)
	is.NoErr(err)
	is.True(s.Close() != nil) // Close writes the heads file too
}

// TestDestroyDuringBackup checks that values destroyed during a backup are gone from the files
// once the backup ends.
func TestDestroyDuringBackup(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", strings.Repeat("x", 3000)))
	is.NoErr(err)
	for range 8 { // more than is copied at once
		_, err := storetest.Apply(s, storetest.Put("p/large", strings.Repeat("x", 300<<10)))
		is.NoErr(err)
	}
	r := storetest.OpenRaw(t, dir, "vault.db")
	sealed := r.Blobs(`SELECT sealed FROM log WHERE sealed IS NOT NULL ORDER BY seq LIMIT 1`)
	r.Close()
	is.Equal(len(sealed), 1)
	gone := [][]byte{sealed[0][100:140]} // within one page
	destroyed := false
	_, err = s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), func(int64, int64) {
		if !destroyed {
			destroyed = true
			_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a"))
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			is.True(strings.Contains(err.Error(), "a backup or an integrity check is running"))
			_, err = storetest.Apply(s, storetest.Put("p/b", "others write on"))
			is.NoErr(err)
		}
	})
	is.NoErr(err)
	is.True(destroyed)
	storetest.AreGone(t, dir, gone)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrDestroyed) || errors.Is(err, myvault.ErrNotFound))
}
