package storetest

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
)

// Options are a Config and the parts of a store that a test replaces.
type Options struct {
	sqlite.Config
	seam.Parts
}

// OptionsOf returns the options of a Config, or options as they are.
func OptionsOf(c any) Options {
	if c, ok := c.(sqlite.Config); ok {
		return Options{Config: c}
	}
	return c.(Options)
}

// WithVFS has SQLite use another file system.
func (o Options) WithVFS(name string) Options {
	o.VFS = name
	return o
}

// WithNetwork replaces the detection of network file systems.
func (o Options) WithNetwork(of func(string) (string, error)) Options {
	o.Network = of
	return o
}

// WithClock replaces the clock that limits how often files are checked.
func (o Options) WithClock(now func() time.Time) Options {
	o.Now = now
	return o
}

// Ticking returns a clock on which a millisecond passes with each call.
func Ticking() func() time.Time {
	began := time.Now()
	var calls atomic.Int64
	return func() time.Time { return began.Add(time.Duration(calls.Add(1)) * time.Millisecond) }
}

// WithEpochLimit starts a new epoch after n log rows.
func (o Options) WithEpochLimit(n uint64) Options {
	o.EpochLimit = n
	return o
}

// WithSync replaces the fsync of the trail.
func (o Options) WithSync(f func(path string) error) Options {
	o.Sync = f
	return o
}

// WithFsync replaces the fsync of files that the store writes without SQLite.
func (o Options) WithFsync(f func(*os.File) error) Options {
	o.Disk.Fsync = f
	return o
}

// WithFailing sets the errors of operations on files that the store uses without SQLite.
func (o Options) WithFailing(f func(operation, path string, size int) (done int, err error)) Options {
	o.Disk.Fails = f
	return o
}

// WithoutWALIndex has the cache ask PRAGMA data_version whether it is stale.
func (o Options) WithoutWALIndex() Options {
	o.NoIndex = true
	return o
}

// AtOnce starts the background search for old entries at once.
func (o Options) AtOnce() Options {
	o.FirstPrune = time.Millisecond
	return o
}

// Open opens a store with the options.
func (o Options) Open(ctx context.Context, dir string, keys sqlite.KeySource) (*sqlite.Store, error) {
	return sqlite.Open(seam.With(ctx, o.Parts), dir, keys, o.Config)
}

// Restore restores a backup with the options.
func (o Options) Restore(ctx context.Context, path, dir string, keys sqlite.KeySource, earlier ...myvault.Head) (sqlite.Report, error) {
	return sqlite.Restore(seam.With(ctx, o.Parts), path, dir, keys, o.Config, earlier...)
}

// VerifyBackupIn verifies a backup that is unpacked in the directory above.
func VerifyBackupIn(ctx context.Context, path, above string, keys sqlite.KeySource, o Options) (sqlite.Report, error) {
	o.TempDir = above
	return sqlite.VerifyBackup(seam.With(ctx, o.Parts), path, keys)
}

// OpenWith opens a store with a Config or Options, and closes it with the test.
func OpenWith(t testing.TB, dir string, key crypto.Key, c any) *sqlite.Store {
	t.Helper()
	s, err := openIn(t, dir, key, OptionsOf(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// rooms has the rooms of the stores that were opened for a test.
var rooms sync.Map

// openIn opens a store whose rooms are known until the end of the test.
func openIn(t testing.TB, dir string, key crypto.Key, o Options) (*sqlite.Store, error) {
	var opened seam.Rooms
	o.Opened = func(r seam.Rooms) { opened = r }
	s, err := o.Open(context.Background(), dir, sqlite.StaticKey(key))
	if err == nil {
		rooms.Store(s, opened)
		t.Cleanup(func() { rooms.Delete(s) })
	}
	return s, err
}

// RoomsOf returns the rooms of a store that Open or OpenWith has opened.
func RoomsOf(s *sqlite.Store) seam.Rooms {
	r, _ := rooms.Load(s)
	return r.(seam.Rooms)
}

// CacheChecks are the two ways in which a store finds out whether its cache is fresh.
var CacheChecks = map[string]Options{"WAL-index": {}, "data_version": {Parts: seam.Parts{NoIndex: true}}}
