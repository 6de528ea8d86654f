package wal

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// closeTimeout bounds the wait for other processes when a file or an operation ends.
const closeTimeout = 2 * time.Second

// syncFoundWAL syncs a WAL that the file was opened with, before the file is closed. If that
// fails, the WAL is not copied into the database.
func (f *File) syncFoundWAL() {
	d := &f.Writer.Disk
	if d.Stopped() != nil || !d.foundLog.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	// The writer calls BeforeWrite in every transaction. The request itself does nothing.
	_ = f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return errNothing }})
}

// detectWAL records whether the file was opened with a WAL, and checks the end of its chain if
// SQLite has recovered the WAL.
func (f *File) detectWAL() error {
	frames, err := walFrames(f.Path + "-shm")
	if fault.NotExist(err) {
		return nil
	}
	f.Writer.Disk.foundLog.Store(frames > 0)
	if err == nil && f.recovered() {
		err = f.checkTail(48 * (int(frames) + 1)) // a page has fewer than 48 rows
	}
	return err
}

// keepWALAtClose disables the checkpoint at the close of a connection, if the WAL may not be on
// disk or CheckFiles fails.
func (f *File) keepWALAtClose(c *db.Conn) error {
	if c == nil || c.Broken || !f.Writer.Disk.logUnsynced() && f.CheckFiles() == nil {
		return nil
	}
	return fault.Guard(func() error {
		_, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		return err
	})
}

// recovered reports whether SQLite has just recovered the WAL of a process that has ended.
func (f *File) recovered() bool {
	if f.overwrites == nil {
		return false
	}
	s, ok := f.overwrites.read()
	return ok && s.frames > 0 && s.backfill == 0 && s.attempted == s.frames
}

// checkTail reads up to limit rows at the end of the chain and returns ErrTampered if one is
// missing. SQLite does not check that a WAL belongs to its database: an older database beside a
// newer WAL lacks the rows between the two.
func (f *File) checkTail(limit int) error {
	version, err := f.Anchor.Number("user_version")
	if err != nil || version != f.Kind.Version() {
		return err // an older version may have other tables
	}
	next := int64(0)
	return f.Anchor.Each(f.Kind.Tail, func(row *sqlite3.Stmt) error {
		seq, entries := row.ColumnInt64(0), int64(1)
		if n := row.ColumnRawBlob(1); len(n) == 2 {
			entries = int64(binary.BigEndian.Uint16(n))
		}
		if end := seq + entries; next != 0 && end != next {
			return fault.Tampered("%s lacks entry %d of its chain: it is older than its write-ahead log; restore a backup, or put back the file that belongs to the log",
				f.Kind.Name, end)
		}
		next = seq
		return nil
	}, limit)
}
