package sqlite

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fresh"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Access for the external tests.

// Options are a Config and what tests replace.
type Options = options

// OptionsOf returns the options of a Config, or options as they are.
func OptionsOf(c any) Options {
	if c, ok := c.(Config); ok {
		return options{Config: c}
	}
	return c.(options)
}

// Open opens a store with options.
func (c options) Open(ctx context.Context, dir string, keys KeySource) (*Store, error) {
	return open(ctx, dir, keys, c)
}

// Restore restores a backup with options.
func (c options) Restore(ctx context.Context, path, dir string, keys KeySource, earlier ...myvault.Head) (Report, error) {
	report, err := restore(ctx, path, dir, keys, c, earlier)
	return report, fault.FromAny(ctx, err)
}

// WithVFS has the engine use another file system.
func (c options) WithVFS(name string) options {
	c.VFS = name
	return c
}

// WithNetwork replaces the detection of network file systems.
func (c options) WithNetwork(of func(string) (string, error)) options {
	c.Network = of
	return c
}

// WithEpochLimit starts a new epoch after so many log rows.
func (c options) WithEpochLimit(n uint64) options {
	c.EpochLimit = n
	return c
}

// WithSync replaces the sync of the trail.
func (c options) WithSync(f func(path string) error) options {
	c.Sync = f
	return c
}

// WithFsync replaces the sync of files that the store writes without the engine.
func (c options) WithFsync(f func(*os.File) error) options {
	c.Disk.Fsync = f
	return c
}

// WithFailing replaces nothing, but has what this package does with files beside the engine fail.
func (c options) WithFailing(f func(operation, path string, size int) (done int, err error)) options {
	c.Disk.Fails = f
	return c
}

// VerifyBackupIn is VerifyBackup with its files in a directory that is given.
func VerifyBackupIn(ctx context.Context, path, above string, keys KeySource, c options) (Report, error) {
	c.TempDir = above
	report, err := verifyBackup(ctx, path, keys, c, nil)
	return report, fault.FromAny(ctx, err)
}

// Checked is what becomes of a finding of the engine's own check.
func Checked(found string) error {
	return fault.FromEngine(context.Background(), wal.PageFault(schema.VaultFile, found))
}

// Advised says what to do about an error of the engine.
var Advised = fault.WithAdvice

// Synchronous returns PRAGMA synchronous of every connection, of vault.db and of access.db.
func (s *Store) Synchronous() (vault, access []string, err error) {
	vault, err = synchronous(s.file)
	if err == nil {
		access, err = synchronous(s.trail.File)
	}
	return vault, access, err
}

func synchronous(f *wal.File) (levels []string, err error) {
	ask := func(c *db.Conn) error {
		level, err := c.Pragma("synchronous")
		levels = append(levels, level)
		return err
	}
	err = f.Writer.Do(context.Background(), &wal.Request{Apply: ask})
	// All readers at once, so that each connection is asked.
	var connections []*db.Conn
	for range cap(f.Readers.Slots) {
		c, taken := f.Readers.Acquire(context.Background())
		if c == nil && taken == nil {
			c, taken = f.Readers.Open(context.Background())
		}
		err = errors.Join(err, taken, ask(c))
		connections = append(connections, c)
	}
	for _, c := range connections {
		f.Readers.Release(c)
	}
	return levels, err
}

// LimitMemory takes memory from the connections of the secrets' file that are open now.
func (s *Store) LimitMemory(bytes int64) error {
	limit := func(c *db.Conn) error {
		c.HardHeapLimit(bytes)
		return nil
	}
	return errors.Join(
		s.file.Readers.Read(context.Background(), limit),
		s.file.Writer.Do(context.Background(), &wal.Request{Apply: limit}),
	)
}

// NetworkOf is the detection that Open uses.
func NetworkOf(dir string) (string, error) { return directory.NetworkOf(dir) }

// RekeyUntil begins a change of the master key and stops as a crash would: 1 behind the change of
// access.db, 2 behind that of vault.db. 3 is the last step alone.
func (s *Store) RekeyUntil(ctx context.Context, key crypto.Key, step int) error {
	to, err := s.mastersOf(key)
	if err != nil {
		return err
	}
	access, err := s.trail.File.OpenDurable(ctx)
	if err != nil {
		return err
	}
	change := &rekeying{Store: s, to: to, access: access}
	err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		switch step {
		case 2:
			return change.vault(ctx, c)
		case 3:
			return change.dropOldKey(ctx, c)
		}
		from, err := change.currentMasters(ctx, c)
		if err != nil {
			return err
		}
		return errors.Join(change.finishEarlier(ctx, from), change.addNewKey(ctx, from))
	}})
	return errors.Join(err, access.Close())
}

// WithoutWALIndex has PRAGMA data_version tell whether the cache is fresh.
func (c options) WithoutWALIndex() options {
	c.NoIndex = true
	return c
}

// UsesWALIndex reports whether the WAL-index tells whether the cache is fresh.
func (s *Store) UsesWALIndex() bool { return s.fresh != nil && s.fresh.Index.Load() != nil }

// WithoutReaders calls f while no connection is free to read.
func (s *Store) WithoutReaders(f func()) {
	for range cap(s.file.Readers.Slots) {
		<-s.file.Readers.Slots
	}
	f()
	for range cap(s.file.Readers.Slots) {
		s.file.Readers.Slots <- struct{}{}
	}
}

// GetAround reads a secret as Get does that does not find it in the cache, and calls
// between after it was read and before the cache may keep it.
func (s *Store) GetAround(ctx context.Context, addr myvault.Address, between func()) error {
	v, err := s.fresh.Current(ctx)
	if err != nil {
		return err
	}
	var r *fresh.Row
	err = s.file.Readers.Read(ctx, func(c *db.Conn) (err error) {
		r, _, err = s.current(c, addr, 0)
		return err
	})
	if err == nil {
		between()
		s.cache.Put(r, v.Generation)
	}
	return err
}

// Cached returns the number of cached rows and their size in bytes.
func (s *Store) Cached() (rows int, bytes int64) {
	s.cache.Mu.Lock()
	defer s.cache.Mu.Unlock()
	for i := range s.cache.Slots {
		if s.cache.Slots[i].Row.Load() != nil {
			rows++
		}
	}
	return rows, s.cache.Bytes
}

// AfterRefreshQuery calls f once, after the next refresh of the cache has read the log.
func (s *Store) AfterRefreshQuery(f func()) {
	read := s.fresh.Read
	s.fresh.Read = func(ctx context.Context, query func(*db.Conn) error) error {
		s.fresh.Read = read
		err := read(ctx, query)
		f()
		return err
	}
}

// WithRemovalHeld calls f while no row can be removed from the cache.
func (s *Store) WithRemovalHeld(f func()) {
	s.cache.Mu.Lock()
	defer s.cache.Mu.Unlock()
	f()
}

// AtOnce starts the background search for old entries at once.
func (c options) AtOnce() options {
	c.FirstPrune = time.Millisecond
	return c
}

// WaitForTurn sets how long a process waits for its turn to write.
func (s *Store) WaitForTurn(d time.Duration) { s.file.Writer.Lock.Timeout = d }

// AskedTwice returns a checkpointer that is asked for a second checkpoint during the first.
func AskedTwice() (stop func()) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{}, 2)
	k := wal.StartCheckpointer(&db.Conn{Broken: true}, func() (*db.Conn, error) {
		begun <- struct{}{}
		<-goOn
		return nil, wal.ErrNothing
	}, &wal.Writer{}, nil)
	k.Pages = db.CheckpointPages
	k.AfterCommit(nil)
	<-begun
	k.Pages += wal.RetryAfter
	k.AfterCommit(nil)
	goOn <- struct{}{}
	goOn <- struct{}{}
	return func() { k.Stop() }
}

// KeepYoung is what keeps others from taking a directory that is being made for left behind.
var KeepYoung = directory.TouchEvery

// KnownHeads returns the number and size of the heads that the idle writer keeps.
func (s *Store) KnownHeads() (heads, bytes int) { return len(s.known.heads), s.known.bytes }

// WriterRuns has the writer's own connection run a statement, which no other program can.
func (s *Store) WriterRuns(sql string) error {
	return s.file.Writer.Do(context.Background(), &wal.Request{Apply: func(c *db.Conn) error { return c.Exec(sql) }})
}

// KnownHeadsSum recounts the size that KnownHeads returns.
func (s *Store) KnownHeadsSum() (bytes int) {
	for _, h := range s.known.heads {
		bytes += headBytes(h)
	}
	return bytes
}

// CountScrubs counts, from now on, how often the writer, which must be idle, waits for readers to
// remove old bytes.
func (s *Store) CountScrubs() *atomic.Int64 {
	var waits atomic.Int64
	clean := s.file.Writer.Clean
	s.file.Writer.Clean = func(ctx context.Context, c *db.Conn, wait time.Duration) error {
		if wait > 0 {
			waits.Add(1)
		}
		return clean(ctx, c, wait)
	}
	return &waits
}

// FailWrites has the store believe that the last attempt to write failed.
func (s *Store) FailWrites() { s.file.Writer.Disk.Committed(sqlite3.FULL) }

// AwaitLocked returns once a request for one of the two files waits.
func (s *Store) AwaitLocked() {
	for waiting := 0; waiting == 0; runtime.Gosched() {
		for _, w := range []*wal.Writer{s.file.Writer, s.trail.File.Writer} {
			w.Mu.Lock()
			waiting += len(w.Waiting)
			w.Mu.Unlock()
		}
	}
}

// ClaimFile keeps a sweep from an unfinished file.
var ClaimFile = directory.LockTemp

// ChangeKeyFailing is ChangeKey with a disk on which what is done beside the engine may fail.
func ChangeKeyFailing(ctx context.Context, dir, keyFile string, fails func(operation, path string, size int) (done int, err error)) (KeyChange, error) {
	return changeKey(ctx, dir, keyFile, directory.Disk{Fails: fails})
}
