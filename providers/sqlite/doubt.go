package sqlite

import (
	"context"
	"encoding/binary"
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

// leaveLog makes a connection leave the log alone when it closes, if a doubt is raised or the file
// was overwritten.
func (f *file) leaveLog(c *conn) error {
	if c == nil || c.broken || !f.writer.doubt.standing.Load() && f.inPlace() == nil {
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
	if err == nil && f.recovered() {
		err = f.proveTail(48 * (int(frames) + 1)) // a page has fewer rows
	}
	return err
}

// recovered reports whether the engine has just read the log of a process that is gone.
func (f *file) recovered() bool {
	if f.overwrites == nil {
		return false
	}
	s, ok := f.overwrites.read()
	return ok && s.frames > 0 && s.backfill == 0 && s.attempted == s.frames
}

// proveTail proves that the last rows of the chain, at most so many, follow each other without a
// gap. The engine takes any log for that of the database: with an older database in its place, rows
// are missing that are neither there nor in the log.
func (f *file) proveTail(rows int) error {
	sql := `SELECT seq, NULL FROM log ORDER BY seq DESC LIMIT ?1`
	if f.kind.name == accessFile.name {
		sql = `SELECT seq, substr(body, 2, 2) FROM batch ORDER BY seq DESC LIMIT ?1`
	}
	version, err := f.anchor.number("user_version")
	if err != nil || version != f.kind.version() {
		return err // its tables may be others
	}
	next := int64(0)
	return f.anchor.each(sql, func(row *sqlite3.Stmt) error {
		seq, entries := row.ColumnInt64(0), int64(1)
		if n := row.ColumnRawBlob(1); len(n) == 2 {
			entries = int64(binary.BigEndian.Uint16(n))
		}
		if end := seq + entries; next != 0 && end != next {
			return tampered("%s lacks entry %d of its chain: it is older than the write-ahead log beside it; restore a backup, or put the file back that belongs to the log",
				f.kind.name, end)
		}
		next = seq
		return nil
	}, rows)
}

// migrate brings the file to the newest version.
func (f *file) migrate(ctx context.Context) error {
	if version, err := f.anchor.number("user_version"); err != nil || version == f.kind.version() {
		return err
	}
	if err := f.inPlace(); err != nil {
		return err
	}
	c, err := connect(ctx, f.path, settings{vfs: f.options.vfs, synchronous: f.options.synchronous, cacheKB: readerCacheKB, busy: busyTimeout})
	if err != nil {
		return err
	}
	err = guard(func() error {
		if err := c.transaction(ctx, f.writer.doubt.settled); err != nil {
			return err
		}
		return f.kind.migrate(ctx, c)
	})
	return errors.Join(err, f.leaveLog(c), c.close())
}
