package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// ScrubTimeout is how long a destroy waits for readers, whose snapshots
// need the old bytes; writers wait behind it.
const ScrubTimeout = 2 * time.Second

// Scrub removes old bytes from the write-ahead log: it brings the log into the file, where
// secure_delete has overwritten them, and cuts it to nothing. The engine does not sync that
// cut; without a sync a power cut would bring the bytes back. Where it does not come to its
// end, the writer owes it.
func (f *File) Scrub(ctx context.Context, c *db.Conn, wait time.Duration) error {
	err := f.cutLog(ctx, c, wait)
	if err == nil {
		return nil
	}
	f.Writer.scrubPending.Store(true)
	return fmt.Errorf("old bytes may be in the write-ahead log; they go with a later change, once no backup or verification reads: %w", err)
}

// errBackupRunning: to wait for the snapshot of a backup would stall all writers, and in vain.
var errBackupRunning = errors.New("a backup is running, and the old bytes go when it ends")

func (f *File) cutLog(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.BackupsRunning.Load() > 0 {
		return errBackupRunning
	}
	if err := f.CheckFiles(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := truncate(ctx, c)
	f.overwrites.Update()
	if err == nil {
		err = f.Options.Disk.SyncFile(f.Path + "-wal")
	}
	return errors.Join(err, c.BusyTimeout(c.Busy))
}

// cutLogUnlessChecking is cut where nothing reads for long: then waiting would be in vain.
func (f *File) cutLogUnlessChecking(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.checking.Load() {
		return errBackupRunning
	}
	return f.cutLog(ctx, c, wait)
}

// cutLongLog cuts a log that has become long. That others keep it from that is no error.
func (f *File) cutLongLog(ctx context.Context, c *db.Conn) error {
	if FileSize(f.Path+"-wal") <= db.LogBytes || f.Writer.Disk.logUnsynced() {
		return nil
	}
	err := f.cutLog(ctx, c, cutWithin)
	if fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) || errors.Is(err, errBackupRunning) {
		return nil
	}
	return err
}

// truncate tries until ctx ends, but once in any case. The engine itself waits for readers and
// writers, but not for another connection that checkpoints:
// https://sqlite.org/c3ref/wal_checkpoint_v2.html
func truncate(ctx context.Context, c *db.Conn) error {
	err := c.BusyHandler(func(context.Context, int) bool {
		if ctx.Err() != nil {
			return false
		}
		time.Sleep(time.Millisecond)
		return true
	})
	for err == nil || fault.HasCode(err, sqlite3.BUSY) && ctx.Err() == nil {
		if _, _, err = c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return err
}
