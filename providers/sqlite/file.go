package sqlite

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

// file is an open database file: its keys, its readers and its writer.
type file struct {
	kind    schema.Kind
	options options
	path    string
	keys    *keyring.Ring
	opened  map[string]os.FileInfo // by path
	anchor  *db.Conn               // keeps the write-ahead log while other connections come and go
	readers *pool
	writer  *writer
	probe   probe
	shots   atomic.Int32 // backups of this process that hold a snapshot
	closing atomic.Bool
	checks  chan struct{} // has room for one engine's check
	long    atomic.Bool   // it is running

	overwrites *overwriteWatch       // nil if that cannot be noticed
	unwatch    func()                // ends it
	fault      atomic.Pointer[error] // why the file is no longer used; see inPlace
}

// options are what the files of a store are opened with.
type options struct {
	vfs         string // empty: the operating system's
	keys        keyring.Source
	synchronous int
	sync        func(path string) error // of the trail; nil: fsync
	disk        directory.Disk
}

// open opens the file, makes it where it is missing, and reads its keys. What the caller reads
// before it calls start it reads through the anchor. The writer's connection is opened when
// there is something to write: each takes about a millisecond.
func openFile(k schema.Kind, ctx context.Context, dir string, key crypto.Key, o options) (*file, error) {
	if err := k.CreateIfMissing(ctx, dir, key, o.vfs, o.disk); err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f := &file{kind: k, options: o, checks: make(chan struct{}, 1), path: filepath.Join(dir, k.Name), unwatch: func() {}}
	inPlace := f.inPlace
	if o.synchronous == db.SyncFull {
		inPlace = f.inPlaceWithLog
	}
	reading := db.Settings{VFS: o.vfs, Synchronous: o.synchronous, CacheKB: db.ReaderCacheKB, ReadOnly: true, Busy: db.BusyTimeout}
	f.readers = newPool(f, func(ctx context.Context) (*db.Conn, error) { return f.connect(ctx, reading) })
	turn, err := writelock.Open(f.path)
	if err != nil {
		return nil, fault.FromEngine(ctx, err)
	}
	f.writer = &writer{turn: turn, inPlace: inPlace, clean: f.scrub, open: func() (*db.Conn, error) {
		return f.connect(context.Background(), db.Settings{Synchronous: o.synchronous, CacheKB: db.WriterCacheKB})
	}}
	f.writer.changed = f.checkSchema
	f.writer.written = func() { f.overwrites.note() }
	f.writer.beforeWrite = f.beforeWrite
	if err := fault.Guard(func() error { return f.begin(ctx, key, reading) }); err != nil {
		return nil, fault.FromEngine(ctx, errors.Join(err, f.abandon()))
	}
	return f, nil
}

// begin opens the anchor and proves that the file is what it was made as.
func (f *file) begin(ctx context.Context, key crypto.Key, reading db.Settings) (err error) {
	if f.anchor, err = db.Connect(ctx, f.path, reading); err != nil { // it may be of an older version
		return err
	}
	f.anchor.SetInterrupt(ctx) // until start
	if err := f.remember(); err != nil {
		return err
	}
	f.overwrites, f.unwatch = watchOverwrites(f.path)
	f.overwrites.note()
	if err := f.findLog(); err != nil {
		return err
	}
	if err := f.migrate(ctx); err != nil {
		return err
	}
	if err := f.checkSchema(f.anchor); err != nil {
		return err
	}
	f.keys, err = keyring.Read(f.anchor, f.kind.Name, f.kind.Name == schema.VaultFile.Name, key, f.options.keys)
	return err
}

// start starts the writer.
func (f *file) start() {
	f.anchor.SetInterrupt(context.Background())
	again := func() (*db.Conn, error) {
		if err := f.inPlace(); err != nil {
			return nil, err
		}
		return f.readers.open(context.Background())
	}
	f.writer.log = startCheckpointer(f.anchor, again, f.writer, f.cutUnlessRead)
	startWriter(f.writer)
}

// abandon closes what open opened, before there is a writer.
func (f *file) abandon() error {
	f.writer.turn.Close()
	var errs error
	for _, c := range []*db.Conn{f.writer.conn, f.anchor} {
		if c != nil {
			errs = errors.Join(errs, f.leaveLog(c), c.Close())
		}
	}
	f.unwatch()
	return errs
}

// close ends the readers, then the writer, whose connection brings the write-ahead log
// into the file when it is the last.
func (f *file) close() error {
	f.closing.Store(true)
	err := f.readers.close()
	f.syncFoundLog()
	f.writer.stop()
	f.anchor = f.writer.log.stop()
	err = errors.Join(err, f.leaveLog(f.anchor), f.leaveLog(f.writer.conn))
	err = errors.Join(err, f.anchor.Close(), f.writer.close())
	f.unwatch()
	return err
}
