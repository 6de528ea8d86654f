package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// doubt stands while the disk may lack what is in a write-ahead log. Nothing is committed
// behind such frames, nor brought into the database from them: a power cut would leave that
// without what it builds on. The log is written over itself first.
//
// A sync that failed gives rise to it, and so does a log that is found at the opening: who
// wrote it may have been stopped after a sync that failed.
type doubt struct {
	standing atomic.Bool
	settle   func() error // writes the log over itself and syncs it
}

// raise is told how a commit or a checkpoint went.
func (d *doubt) raise(err error) {
	if is(err, sqlite3.IOERR) && !noSpace(err) {
		d.standing.Store(true)
	}
}

// settled removes the doubt. The caller holds the engine's lock for writing.
func (d *doubt) settled() error {
	if !d.standing.Swap(false) {
		return nil
	}
	if err := d.settle(); err != nil {
		d.standing.Store(true)
		return fmt.Errorf("%w: the disk has failed before and is not trusted until the write-ahead log is on it again; look after the disk: %w",
			myvault.ErrUnavailable, err)
	}
	return nil
}

// closingWithin is how long the last attempt may wait for other processes.
const closingWithin = 2 * time.Second

// settle removes the doubt before the file is closed. Where that fails, the log stays as it is,
// and is not brought into the database.
func (f *file) settle() {
	if !f.writer.doubt.standing.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closingWithin)
	defer cancel()
	// A transaction begins with settling; this one has nothing else to do.
	_ = f.writer.do(ctx, &request{apply: func(*conn) error { return errDone }})
}

// leaveLog has a connection leave the log alone as it closes, while the doubt stands.
func (f *file) leaveLog(c *conn) error {
	if c == nil || c.broken || !f.writer.doubt.standing.Load() {
		return nil
	}
	return guard(func() error {
		_, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		return err
	})
}

// relog writes the log over itself and brings it to the disk, with its name.
func (f *file) relog() error {
	if err := f.inPlace(); err != nil {
		return err
	}
	return errors.Join(rewriteLog(f.path+"-wal", f.path+"-shm"), f.options.disk.syncFile(f.path+"-wal"))
}

// found raises a doubt where the file was opened with a log.
func (f *file) found() error {
	frames, err := logFrames(f.path + "-shm")
	if missing(err) {
		return nil
	}
	f.writer.doubt.standing.Store(frames > 0)
	return err
}

// migrate brings the file to the newest version.
func (f *file) migrate(ctx context.Context) error {
	if version, err := f.anchor.number("user_version"); err != nil || version == f.kind.version() {
		return err
	}
	if err := f.writer.connected(ctx); err != nil {
		return err
	}
	if err := f.writer.conn.transaction(ctx, f.writer.doubt.settled); err != nil {
		return err
	}
	return f.kind.migrate(ctx, f.writer.conn)
}
