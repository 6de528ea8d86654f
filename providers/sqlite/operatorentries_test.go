package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// outcomes gives those of the entries of an action, from the oldest on.
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

// Whoever stops a pruning after its first step does not keep it off the record.
func TestAPruningThatIsStoppedIsOnRecord(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	recorded(t, s, 1000)
	ctx, stop := context.WithCancel(t.Context())
	var during []myvault.Outcome
	n, err := s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: 900}, func(uint64) {
		during = outcomes(t, s, "prune") // what a crash here would leave
		stop()
	})
	is.True(errors.Is(err, context.Canceled))
	is.True(n > 0 && n < 900)
	is.Equal(during, []myvault.Outcome{myvault.OutcomeBegun})
	is.Equal(outcomes(t, s, "prune"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeError})
}

// A pruning leaves the entry of its own beginning, however many others are made meanwhile.
func TestAPruningKeepsItsOwnEntry(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	recorded(t, s, 600)
	left := 3
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 1 << 40}, func(uint64) {
		if left--; left > 0 {
			recorded(t, s, 10)
		}
	})
	is.NoErr(err)
	is.Equal(outcomes(t, s, "prune"), []myvault.Outcome{myvault.OutcomeBegun, myvault.OutcomeOK})
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// No entry, no change of the master key; and one that fails says so.
func TestARekeyIsOnRecordBeforeItIsDone(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := open(t, dir, old)
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

// The key of a trail that cannot be written to stays.
func TestNoEntryNoRekey(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := open(t, dir, old)
	r := rawOpen(t, dir, "access.db")
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "rekey", At: at}))
	r.exec(`CREATE UNIQUE INDEX no_other ON batch(length(body) > 0)`)
	is.True(s.Rekey(t.Context(), next) != nil)
	r.exec(`DROP INDEX no_other`)
	is.True(opens(t, dir, old))
	is.True(!opens(t, dir, next))
}

// A restore removes what earlier ones left beside it, whatever the name of their store, and
// nothing else.
func TestARestoreSweepsWhatOthersLeft(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	_, path, _ := backedUp(t, key)
	parent := t.TempDir()
	left := []string{".making-restore-vault-17", ".making-restore-vault-2-17", ".making-restore--17"}
	others := []string{".making-restore-vault", ".making-restore-vault-", ".making-restore-vault-2x", ".making-restore17", "restore-vault-17"}
	for _, name := range append(left, others...) {
		dir := filepath.Join(parent, name)
		is.NoErr(os.Mkdir(dir, 0o700))
		is.NoErr(os.Chtimes(dir, at, at))
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

// A link in place of the directory is refused, and stays.
func TestARestoreRefusesALink(t *testing.T) {
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

// However long a restore takes, what it makes is not taken for left behind.
func TestWhatIsBeingMadeStaysYoung(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.Chtimes(dir, at, at))
	stop := sqlite.KeepYoung(dir, time.Millisecond)
	for range 1000 {
		if info, err := os.Stat(dir); err == nil && !info.ModTime().Equal(at) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	info, err := os.Stat(dir)
	is.NoErr(err)
	is.True(info.ModTime().After(at))
}

// A backup whose heads could not be kept stands, and is told apart from none.
func TestABackupWithoutItsHeadsFile(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	missing := filepath.Join(t.TempDir(), "missing", "heads")
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(key), sqlite.Config{HeadsFile: missing})
	is.NoErr(err)
	path := filepath.Join(t.TempDir(), "backup")
	heads, err := s.Backup(t.Context(), path, nil)
	is.True(errors.Is(err, os.ErrNotExist))
	is.True(strings.Contains(err.Error(), "the backup is made"))
	_, err = sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(key), heads...)
	is.NoErr(err)
	is.True(s.Close() != nil) // it keeps the heads too
}

// What is destroyed while a backup reads is gone from the files once it has ended.
func TestADestroyDuringABackup(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	_, err := apply(s, put("p/a", strings.Repeat("x", 3000)))
	is.NoErr(err)
	for range 8 { // more than is copied at once
		_, err := apply(s, put("p/large", strings.Repeat("x", 300<<10)))
		is.NoErr(err)
	}
	r := rawOpen(t, dir, "vault.db")
	sealed := r.blobs(`SELECT sealed FROM log WHERE sealed IS NOT NULL ORDER BY seq LIMIT 1`)
	r.close()
	is.Equal(len(sealed), 1)
	gone := [][]byte{sealed[0][100:140]} // within one page
	destroyed := false
	_, err = s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), func(int64, int64) {
		if !destroyed {
			destroyed = true
			_, err := apply(s, on(myvault.OpDestroy, "p/a"))
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			is.True(strings.Contains(err.Error(), "a backup is running"))
			_, err = apply(s, put("p/b", "others write on"))
			is.NoErr(err)
		}
	})
	is.NoErr(err)
	is.True(destroyed)
	areGone(t, dir, gone)
	_, err = s.Get(t.Context(), addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrDestroyed) || errors.Is(err, myvault.ErrNotFound))
}
