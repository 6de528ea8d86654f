// Package wal has an open database file in WAL mode: its readers, its one writer, its checkpoints, and
// what keeps acknowledged changes on the disk.
package wal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/writelock"
)

// File is an open database file: its keys, its readers and its writer.
type File struct {
	Kind           schema.Kind
	Options        Options
	Path           string
	Keys           *keyring.Ring
	openedFiles    map[string]os.FileInfo // by path
	Anchor         *db.Conn               // keeps the write-ahead log while other connections come and go
	Readers        *pool
	Writer         *Writer
	probe          probe
	BackupsRunning atomic.Int32 // backups of this process that hold a snapshot
	closing        atomic.Bool
	checkSlot      chan struct{} // has room for one engine's check
	checking       atomic.Bool   // it is running

	overwrites *OverwriteWatch       // nil if that cannot be noticed
	stopWatch  func()                // ends it
	Fault      atomic.Pointer[error] // why the file is no longer used; see CheckFiles
}

// Options are what the files of a store are opened with.
type Options struct {
	VFS         string // empty: the operating system's
	Keys        keyring.Source
	Synchronous int
	Sync        func(path string) error // of the trail; nil: fsync
	Disk        directory.Disk
}

// Open opens the file, makes it where it is missing, and reads its keys. What the caller reads
// before it calls Start it reads through the anchor. The writer's connection is opened when
// there is something to write: each takes about a millisecond.
func Open(ctx context.Context, k schema.Kind, dir string, key crypto.Key, o Options) (*File, error) {
	if err := k.CreateIfMissing(ctx, dir, key, o.VFS, o.Disk); err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f := &File{Kind: k, Options: o, checkSlot: make(chan struct{}, 1), Path: filepath.Join(dir, k.Name), stopWatch: func() {}}
	inPlace := f.CheckFiles
	if o.Synchronous == db.SyncFull {
		inPlace = f.CheckFilesAndLog
	}
	reading := db.Settings{VFS: o.VFS, Synchronous: o.Synchronous, CacheKB: db.ReaderCacheKB, ReadOnly: true, Busy: db.BusyTimeout}
	f.Readers = newPool(f, func(ctx context.Context) (*db.Conn, error) { return f.connect(ctx, reading) })
	turn, err := writelock.Open(f.Path)
	if err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f.Writer = &Writer{Lock: turn, checkFiles: inPlace, Clean: f.Scrub, open: func() (*db.Conn, error) {
		return f.connect(context.Background(), db.Settings{Synchronous: o.Synchronous, CacheKB: db.WriterCacheKB})
	}}
	f.Writer.checkSchema = f.CheckSchema
	f.Writer.logChanged = func() { f.overwrites.Update() }
	f.Writer.beforeWrite = f.BeforeWrite
	if err := fault.Guard(func() error { return f.begin(ctx, key, reading) }); err != nil {
		return nil, fault.FromEngine(ctx, errors.Join(err, f.Abandon()))
	}
	return f, nil
}

// begin opens the anchor and proves that the file is what it was made as.
func (f *File) begin(ctx context.Context, key crypto.Key, reading db.Settings) (err error) {
	if f.Anchor, err = db.Connect(ctx, f.Path, reading); err != nil { // it may be of an older version
		return err
	}
	f.Anchor.SetInterrupt(ctx) // until start
	if err := f.recordFiles(); err != nil {
		return err
	}
	f.overwrites, f.stopWatch = watchOverwrites(f.Path)
	f.overwrites.Update()
	if err := f.findLog(); err != nil {
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

// Start starts the writer.
func (f *File) Start() {
	f.Anchor.SetInterrupt(context.Background())
	again := func() (*db.Conn, error) {
		if err := f.CheckFiles(); err != nil {
			return nil, err
		}
		return f.Readers.Open(context.Background())
	}
	f.Writer.log = StartCheckpointer(f.Anchor, again, f.Writer, f.cutLogUnlessChecking)
	startWriter(f.Writer)
}

// Abandon closes what open opened, before there is a writer.
func (f *File) Abandon() error {
	f.Writer.Lock.Close()
	var errs error
	for _, c := range []*db.Conn{f.Writer.Conn, f.Anchor} {
		if c != nil {
			errs = errors.Join(errs, f.keepLogAtClose(c), c.Close())
		}
	}
	f.stopWatch()
	return errs
}

// Close ends the readers, then the writer, whose connection brings the write-ahead log
// into the file when it is the last.
func (f *File) Close() error {
	f.closing.Store(true)
	err := f.Readers.Close()
	f.syncFoundLog()
	f.Writer.Stop()
	f.Anchor = f.Writer.log.Stop()
	err = errors.Join(err, f.keepLogAtClose(f.Anchor), f.keepLogAtClose(f.Writer.Conn))
	err = errors.Join(err, f.Anchor.Close(), f.Writer.close())
	f.stopWatch()
	return err
}
