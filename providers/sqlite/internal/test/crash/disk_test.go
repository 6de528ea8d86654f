package crash_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestFullDisk checks that a change refused by a full disk is not made, that the error says what
// to do, and that the store continues once there is space.
func TestFullDisk(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Ping(t.Context()))
	d.Fail(storetest.Full("-wal"))
	for range 3 {
		_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
		is.True(strings.Contains(err.Error(), "free space"))
		is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable)) // known from the last attempt
		err = s.Record(t.Context(), storetest.ARead)
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(strings.Contains(err.Error(), "free space"))
	}
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	d.Heal()
	infos, err := storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(2))
	is.NoErr(s.Record(t.Context(), storetest.ARead))
	is.NoErr(s.Ping(t.Context()))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(1))
}

// TestFullDiskInCheckpoint checks that changes go on while checkpoints find no space and Ping
// fails. Once there is space, the log is copied into the database again.
func TestFullDiskInCheckpoint(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	dir := t.TempDir()
	s := storetest.OpenWith(t, dir, crypto.NewKey(), c)
	database := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "vault.db"))
		is.NoErr(err)
		return info.Size()
	}
	large := strings.Repeat("v", myvault.MaxValue)
	grow := func(until func() bool) {
		for !until() {
			_, err := storetest.Apply(s, storetest.Put("p/large", large))
			is.NoErr(err)
		}
	}
	before := database()
	d.Fail(storetest.Full("vault.db"))
	grow(func() bool { return s.Ping(t.Context()) != nil })
	err := s.Ping(t.Context())
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "free space"))
	is.Equal(database(), before)
	d.Heal()
	grow(func() bool { return s.Ping(t.Context()) == nil && database() > before })
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestLogIsBounded checks that the log is reused from its start while changes go on.
func TestLogIsBounded(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	large := strings.Repeat("v", myvault.MaxValue)
	written := int64(0)
	for range 400 {
		_, err := storetest.Apply(s, storetest.Put("p/large", large))
		is.NoErr(err)
		written += int64(len(large))
	}
	info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.NoErr(err)
	is.True(info.Size() < written/2)
}

// TestSQLitePanic checks that a panic of SQLite becomes an error without its text, and that the
// next call uses another connection.
func TestSQLitePanic(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	d.Fail(func(operation, name string) error {
		if operation == "write" && name == "vault.db-wal" {
			panic("hunter2")
		}
		return nil
	})
	_, err = storetest.Apply(s, storetest.Put("p/a", "hunter2"))
	is.True(errors.Is(err, myvault.ErrUnknownOutcome))
	is.True(!strings.Contains(err.Error(), "hunter2"))
	d.Heal()
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// Pages that the system dropped after a failed fsync do not count as written, even if later syncs
// succeed.
func TestWhatAFailedSyncHasLostIsNoticed(t *testing.T) {
	is := is.New(t)
	var failures atomic.Int64
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		if filepath.Base(f.Name()) == "access.db-wal" && failures.Add(1) == 1 {
			_, err := f.WriteAt(make([]byte, 8), 48) // the checksum of the first frame
			return errors.Join(err, storetest.ErrDisk)
		}
		return f.Sync()
	}))
	is.NoErr(s.Record(t.Context(), storetest.ARead))
	for s.Ping(t.Context()) == nil {
		time.Sleep(time.Millisecond)
	}
	is.True(errors.Is(s.Record(t.Context(), storetest.ARead), myvault.ErrUnavailable))
	is.Equal(failures.Load(), int64(1))  // no sync was believed
	other := storetest.Open(t, dir, key) // with the index of the log that s has in memory
	err := other.Record(t.Context(), storetest.ARead)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "are lost"))
	is.True(errors.Is(s.Close(), myvault.ErrUnavailable))
}

// A checkpoint of the trail that cannot sync has the same effect as a failed sync of the trail.
func TestFailedSyncInACheckpointOfTheTrail(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, c)
	d.Fail(func(operation, name string) error {
		if operation == "sync" && strings.HasPrefix(name, "access.db") {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	many := make([]myvault.Entry, 20_000)
	for i := range many {
		many[i] = storetest.ARead
		many[i].Remote = strings.Repeat("r", 128)
		many[i].Request = many[i].Remote
	}
	var err error
	for err == nil {
		err = s.Record(t.Context(), many...)
	}
	is.True(errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, myvault.ErrUnknownOutcome))
	is.True(errors.Is(s.Record(t.Context(), storetest.ARead), myvault.ErrUnavailable))
	d.Heal()
	is.True(errors.Is(s.Record(t.Context(), storetest.ARead), myvault.ErrUnavailable))
	_ = s.Close()
	s = storetest.OpenWith(t, dir, key, c)
	is.NoErr(s.Record(t.Context(), storetest.ARead))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestNamesAreSynced checks that new directories and files are synced with their names before
// anything in them is acknowledged.
func TestNamesAreSynced(t *testing.T) {
	is := is.New(t)
	above := t.TempDir()
	dir := filepath.Join(above, "one", "two")
	var mu sync.Mutex
	var synced []string
	s := storetest.OpenWith(t, dir, crypto.NewKey(), storetest.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		synced = append(synced, f.Name())
		return f.Sync()
	}))
	is.Equal(synced[:2], []string{filepath.Join(above, "one"), above}) // the names of the directories
	made := synced[2:]
	is.Equal(len(made), 4)
	for i, name := range []string{"vault.db", "access.db"} {
		is.True(strings.Contains(made[2*i], name)) // a file, then its name
		is.Equal(made[2*i+1], dir)
	}
	logAndName := []string{filepath.Join(dir, "access.db-wal"), dir}
	is.NoErr(s.Record(t.Context(), storetest.ARead))
	for count := 0; count < 8; time.Sleep(time.Millisecond) {
		mu.Lock()
		count = len(synced)
		mu.Unlock()
	}
	is.Equal(synced[6:8], logAndName)
	is.NoErr(s.Close())
	is.Equal(synced[len(synced)-2:], logAndName) // and the removal of the log of vault.db
	is.True(len(synced) >= 10)
}
