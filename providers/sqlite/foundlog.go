package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// closingWithin is how long the last attempt may wait for other processes.
const closingWithin = 2 * time.Second

// beforeWrite returns ErrUnavailable after a failed fsync. A log that was found at the opening is
// first brought to the disk: the process that wrote it may have been stopped after an fsync that
// failed. The caller holds the engine's lock for writing.
func (f *file) beforeWrite() error {
	d := &f.writer.disk
	if err := d.stopped(); err != nil || !d.logUnsynced() {
		return err
	}
	err := f.inPlace()
	if err == nil {
		err = errors.Join(rewriteLog(f.path+"-wal", f.path+"-shm"), f.options.disk.SyncFile(f.path+"-wal"))
	}
	if err != nil {
		return fmt.Errorf("%w: the write-ahead log cannot be brought to the disk; check the disk: %w", myvault.ErrUnavailable, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.foundLog = false
	return nil
}

// syncFoundLog brings a log that was found to the disk before the file is closed. If that fails, it
// is not copied into the database.
func (f *file) syncFoundLog() {
	d := &f.writer.disk
	if d.stopped() != nil || !d.logUnsynced() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closingWithin)
	defer cancel()
	// A transaction begins with beforeWrite; this one has nothing else to do.
	_ = f.writer.do(ctx, &request{apply: func(*db.Conn) error { return errDone }})
}

// findLog notes that the file was opened with a log.
func (f *file) findLog() error {
	frames, err := logFrames(f.path + "-shm")
	if fault.NotExist(err) {
		return nil
	}
	f.writer.disk.foundLog = frames > 0
	if err == nil && f.recovered() {
		err = f.proveTail(48 * (int(frames) + 1)) // a page has fewer rows
	}
	return err
}

// leaveLog makes a connection leave the log alone when it closes, if it may not be on the
// disk or the file was overwritten.
func (f *file) leaveLog(c *db.Conn) error {
	if c == nil || c.Broken || !f.writer.disk.logUnsynced() && f.inPlace() == nil {
		return nil
	}
	return fault.Guard(func() error {
		_, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		return err
	})
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
	version, err := f.anchor.Number("user_version")
	if err != nil || version != f.kind.Version() {
		return err // its tables may be others
	}
	next := int64(0)
	return f.anchor.Each(f.kind.Tail, func(row *sqlite3.Stmt) error {
		seq, entries := row.ColumnInt64(0), int64(1)
		if n := row.ColumnRawBlob(1); len(n) == 2 {
			entries = int64(binary.BigEndian.Uint16(n))
		}
		if end := seq + entries; next != 0 && end != next {
			return fault.Tampered("%s lacks entry %d of its chain: it is older than the write-ahead log beside it; restore a backup, or put the file back that belongs to the log",
				f.kind.Name, end)
		}
		next = seq
		return nil
	}, rows)
}
