package wal

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

// BeforeWrite returns ErrUnavailable after a failed fsync. A log that was found at the opening is
// first brought to the disk: the process that wrote it may have been stopped after an fsync that
// failed. The caller holds the engine's lock for writing.
func (f *File) BeforeWrite() error {
	d := &f.Writer.Disk
	if err := d.stopped(); err != nil || !d.logUnsynced() {
		return err
	}
	err := f.CheckFiles()
	if err == nil {
		err = errors.Join(rewriteLog(f.Path+"-wal", f.Path+"-shm"), f.Options.Disk.SyncFile(f.Path+"-wal"))
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
func (f *File) syncFoundLog() {
	d := &f.Writer.Disk
	if d.stopped() != nil || !d.logUnsynced() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closingWithin)
	defer cancel()
	// A transaction begins with beforeWrite; this one has nothing else to do.
	_ = f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return ErrNothing }})
}

// findLog notes that the file was opened with a log.
func (f *File) findLog() error {
	frames, err := logFrames(f.Path + "-shm")
	if fault.NotExist(err) {
		return nil
	}
	f.Writer.Disk.foundLog = frames > 0
	if err == nil && f.recovered() {
		err = f.checkTail(48 * (int(frames) + 1)) // a page has fewer rows
	}
	return err
}

// keepLogAtClose makes a connection leave the log alone when it closes, if it may not be on the
// disk or the file was overwritten.
func (f *File) keepLogAtClose(c *db.Conn) error {
	if c == nil || c.Broken || !f.Writer.Disk.logUnsynced() && f.CheckFiles() == nil {
		return nil
	}
	return fault.Guard(func() error {
		_, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		return err
	})
}

// recovered reports whether the engine has just read the log of a process that is gone.
func (f *File) recovered() bool {
	if f.overwrites == nil {
		return false
	}
	s, ok := f.overwrites.Read()
	return ok && s.frames > 0 && s.Backfill == 0 && s.Attempted == s.frames
}

// checkTail proves that the last rows of the chain, at most so many, follow each other without a
// gap. The engine takes any log for that of the database: with an older database in its place, rows
// are missing that are neither there nor in the log.
func (f *File) checkTail(rows int) error {
	version, err := f.Anchor.Number("user_version")
	if err != nil || version != f.Kind.Version() {
		return err // its tables may be others
	}
	next := int64(0)
	return f.Anchor.Each(f.Kind.Tail, func(row *sqlite3.Stmt) error {
		seq, entries := row.ColumnInt64(0), int64(1)
		if n := row.ColumnRawBlob(1); len(n) == 2 {
			entries = int64(binary.BigEndian.Uint16(n))
		}
		if end := seq + entries; next != 0 && end != next {
			return fault.Tampered("%s lacks entry %d of its chain: it is older than the write-ahead log beside it; restore a backup, or put the file back that belongs to the log",
				f.Kind.Name, end)
		}
		next = seq
		return nil
	}, rows)
}
