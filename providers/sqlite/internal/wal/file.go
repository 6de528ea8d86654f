// Package wal keeps one SQLite file open in WAL mode; the WAL is its write-ahead log. It has a pool
// of readers, one writer that commits requests in batches, and the checkpoints and fsyncs that make
// commits durable. It detects files that were replaced or overwritten. It does not know what the
// requests write.
package wal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/writelock"
)

// File is an open database file with its keys, its readers and its writer.
type File struct {
	Kind           schema.Kind
	Options        Options
	Path           string
	Keys           *keyring.Ring
	openedFiles    map[string]os.FileInfo // by path
	Anchor         *db.Conn               // stays open, so that SQLite keeps the WAL
	Readers        *pool
	Writer         *Writer
	probe          probe
	BackupsRunning atomic.Int32 // backups of this process that hold a snapshot
	closing        atomic.Bool
	checkSlot      chan struct{} // has room for one integrity check
	checking       atomic.Bool   // an integrity check is running

	opened     time.Time
	checkAgain atomic.Int64          // since opened, in nanoseconds; see checkFilesOften
	overwrites *overwriteWatch       // nil if the system does not support it
	stopWatch  func()                // ends overwrites
	Fault      atomic.Pointer[error] // why the file is no longer used; see CheckFiles
}

// Options are the options to open a file with.
type Options struct {
	VFS         string // empty: the operating system's
	Keys        keyring.Source
	Synchronous int
	Sync        func(path string) error // syncs the trail's WAL; nil: fsync
	Disk        directory.Disk
	Now         func() time.Time // limits how often the files are checked; nil: time.Now
}

// Open opens the file and reads its keys. If the file is missing, Open creates it. Before Start,
// the caller reads through Anchor. The writer's connection is opened at the first write, which
// saves about a millisecond here.
func Open(ctx context.Context, k schema.Kind, dir string, key crypto.Key, o Options) (*File, error) {
	if err := k.CreateIfMissing(ctx, dir, key, o.VFS, o.Disk); err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f := &File{Kind: k, Options: o, checkSlot: make(chan struct{}, 1), Path: filepath.Join(dir, k.Name),
		stopWatch: func() {}}
	if f.Options.Now == nil {
		f.Options.Now = time.Now
	}
	f.opened = f.Options.Now()
	checkFiles := f.checkFilesOften
	if o.Synchronous == db.SyncFull {
		checkFiles = f.CheckFilesAndLog
	}
	readOnly := db.Settings{VFS: o.VFS, Synchronous: o.Synchronous, CacheKB: db.ReaderCacheKB,
		ReadOnly: true, Busy: db.BusyTimeout}
	f.Readers = newPool(f, func(ctx context.Context) (*db.Conn, error) { return f.connect(ctx, readOnly) })
	lock, err := writelock.Open(f.Path)
	if err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f.Writer = &Writer{file: f, Lock: lock, checkFiles: checkFiles, clean: f.Scrub}
	if err := fault.Guard(func() error { return f.openAnchor(ctx, key, readOnly) }); err != nil {
		return nil, fault.FromEngine(ctx, errors.Join(err, f.Abandon()))
	}
	return f, nil
}

// openAnchor opens the anchor, migrates the file, checks its schema and reads its keys.
func (f *File) openAnchor(ctx context.Context, key crypto.Key, readOnly db.Settings) (err error) {
	// Not f.connect: before the migration the schema may be an older one.
	if f.Anchor, err = db.Connect(ctx, f.Path, readOnly); err != nil {
		return err
	}
	f.Anchor.SetInterrupt(ctx) // until Start
	if err := f.recordFiles(); err != nil {
		return err
	}
	f.overwrites, f.stopWatch = watchOverwrites(f.Path)
	f.overwrites.update()
	if err := f.detectWAL(); err != nil {
		return err
	}
	if err := f.migrate(ctx); err != nil {
		return err
	}
	if err := f.CheckSchema(f.Anchor); err != nil {
		return err
	}
	f.Keys, err = keyring.Read(f.Anchor, f.Kind.Name, f.Kind.Name == schema.VaultFile.Name, key, f.Options.Keys)
	return err
}

// Start starts the writer and the checkpointer, which owns Anchor from then on.
func (f *File) Start() {
	f.Anchor.SetInterrupt(context.Background())
	reopen := func() (*db.Conn, error) {
		if err := f.CheckFiles(); err != nil {
			return nil, err
		}
		return f.Readers.Open(context.Background())
	}
	f.Writer.log = startCheckpointer(f.Anchor, reopen, f.Writer, f.truncateWALUnlessChecking)
	startWriter(f.Writer)
}

// Abandon closes a file that was opened but not started.
func (f *File) Abandon() error {
	f.Writer.Lock.Close()
	var errs error
	for _, c := range []*db.Conn{f.Writer.Conn, f.Anchor} {
		if c != nil {
			errs = errors.Join(errs, f.keepWALAtClose(c), c.Close())
		}
	}
	f.stopWatch()
	return errs
}

// Close closes the readers, then the writer. SQLite copies the WAL into the database
// when the last connection closes.
func (f *File) Close() error {
	f.closing.Store(true)
	err := f.Readers.Close()
	f.syncFoundWAL()
	f.Writer.Stop()
	f.Anchor = f.Writer.log.stop()
	err = errors.Join(err, f.keepWALAtClose(f.Anchor), f.keepWALAtClose(f.Writer.Conn))
	err = errors.Join(err, f.Anchor.Close(), f.Writer.close())
	f.stopWatch()
	return err
}
