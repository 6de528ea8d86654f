package wal_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// logSyncs counts what the store itself syncs of the log of changes, beside the engine.
type logSyncs struct {
	count atomic.Int64
	fails atomic.Bool
}

func (l *logSyncs) sync(f *os.File) error {
	if filepath.Base(f.Name()) != "vault.db-wal" {
		return f.Sync()
	}
	if l.fails.Load() {
		return storetest.ErrDisk
	}
	l.count.Add(1)
	return f.Sync()
}

// The process that wrote a found log may have been killed after a failed sync: nothing is committed
// behind the log before it is synced.
func TestALogThatIsFoundIsWrittenAgain(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Crashed(t, key)
	var syncs logSyncs
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithFsync(syncs.sync))
	secret, err := s.Get(t.Context(), storetest.Addr("news/prod/db"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	is.Equal(syncs.count.Load(), int64(0)) // reads do not wait for it

	syncs.fails.Store(true)
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	syncs.fails.Store(false)
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.NoErr(err)
	is.Equal(syncs.count.Load(), int64(1))
	_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	is.Equal(syncs.count.Load(), int64(1)) // once is enough
}

// While the disk fails, the log is not checkpointed: the pages of the database would be the only
// copy.
func TestALogThatCannotBeSyncedIsLeftAtClose(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Crashed(t, key)
	before, err := os.ReadFile(filepath.Join(dir, "vault.db"))
	is.NoErr(err)
	var syncs logSyncs
	syncs.fails.Store(true)
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithFsync(syncs.sync))
	_, err = s.Get(t.Context(), storetest.Addr("news/prod/db"), 0)
	is.NoErr(err)
	is.NoErr(s.Close())
	after, err := os.ReadFile(filepath.Join(dir, "vault.db"))
	is.NoErr(err)
	is.Equal(string(after), string(before))
	s = storetest.Open(t, dir, key)
	secret, err := s.Get(t.Context(), storetest.Addr("news/prod/db"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	is.NoErr(s.Close())
	_, err = os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.True(os.IsNotExist(err)) // a good disk: checkpointed and removed
}

// After a failed fsync of a change, nothing is written until the store is reopened. Then the log is
// rewritten before the next change.
func TestAfterAFailedSyncOfAChange(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	var syncs logSyncs
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, c.WithFsync(syncs.sync))
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	d.Fail(func(operation, name string) error {
		if operation == "sync" && name == "vault.db-wal" {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnknownOutcome))
	d.Heal()
	before := syncs.count.Load()
	_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
	is.NoErr(s.Close())
	s = storetest.OpenWith(t, dir, key, c.WithFsync(syncs.sync))
	_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	is.Equal(syncs.count.Load(), before+1)
	is.NoErr(s.Ping(t.Context()))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// A refused opening does not checkpoint the log.
func TestARefusedOpeningLeavesTheLog(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir, other := storetest.Crashed(t, key), storetest.Crashed(t, key)
	for _, name := range []string{"access.db", "access.db-wal"} {
		content, err := os.ReadFile(filepath.Join(other, name))
		is.NoErr(err)
		is.NoErr(os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	is.NoErr(os.Remove(filepath.Join(dir, "access.db-shm")))
	before := storetest.Files(t, dir)
	_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.True(errors.Is(err, sqlite.ErrForeign))
	after := storetest.Files(t, dir)
	for _, name := range []string{"vault.db", "vault.db-wal"} {
		is.Equal(string(after[name]), string(before[name])) // of name
	}
}

// While the disk of the trail fails the master key stays as it is: vault.db must not have the
// new one before access.db is known to have it.
func TestNoOtherMasterKeyWhileTheTrailCannotBeSynced(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Crashed(t, key)
	var fails atomic.Bool
	fails.Store(true)
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		if filepath.Base(f.Name()) == "access.db-wal" && fails.Load() {
			return storetest.ErrDisk
		}
		return f.Sync()
	}))
	next := crypto.NewKey()
	is.True(errors.Is(s.Rekey(t.Context(), next), myvault.ErrUnavailable))
	_ = s.Close()
	fails.Store(false)
	s = storetest.Open(t, dir, key) // the old one
	is.NoErr(s.Rekey(t.Context(), next))
	is.NoErr(s.Close())
	storetest.Open(t, dir, next)
}
