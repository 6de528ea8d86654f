package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// ScrubTimeout bounds how long a destroy waits for readers, whose snapshots need the old bytes.
// Other writers wait meanwhile.
const ScrubTimeout = 2 * time.Second

// Scrub removes destroyed bytes from the WAL. It copies the WAL into the database,
// where secure_delete has overwritten them, and truncates the WAL. SQLite does not sync the
// truncation; without the sync here, the bytes could reappear after a power cut. If Scrub fails,
// the writer tries again after a later commit.
func (f *File) Scrub(ctx context.Context, c *db.Conn, wait time.Duration) error {
	err := f.truncateWAL(ctx, c, wait)
	if err == nil {
		return nil
	}
	f.Writer.scrubPending.Store(true)
	return fmt.Errorf("destroyed bytes may remain in the write-ahead log; a later change removes them once no backup or verification is running: %w", err)
}

// errLongRead means that a backup or an integrity check is running. Waiting for it would only
// delay all writers, because it takes longer than the timeout.
var errLongRead = errors.New("a backup or an integrity check is running")

// truncateWAL copies the WAL into the database, truncates it and syncs that. It waits for readers
// and writers as long as wait.
func (f *File) truncateWAL(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.BackupsRunning.Load() > 0 {
		return errLongRead
	}
	if err := f.Writer.Disk.Stopped(); err != nil {
		return err
	}
	if err := f.CheckFiles(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := checkpointTruncate(ctx, c)
	f.overwrites.update()
	if err == nil {
		err = f.Options.Disk.SyncFile(f.Path + "-wal")
	}
	if directory.FsyncFailed(err) {
		f.Writer.Disk.stop(err)
	}
	return errors.Join(f.Writer.Disk.checkFsync(err), c.BusyTimeout(c.Busy))
}

// truncateWALUnlessChecking is truncateWAL, but returns errLongRead during an integrity check.
func (f *File) truncateWALUnlessChecking(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.checking.Load() {
		return errLongRead
	}
	return f.truncateWAL(ctx, c, wait)
}

// truncateLongWAL truncates a WAL longer than LogBytes. If other connections prevent that, it
// returns nil.
func (f *File) truncateLongWAL(ctx context.Context, c *db.Conn) error {
	if FileSize(f.Path+"-wal") <= db.LogBytes || f.Writer.Disk.logUnsynced() {
		return nil
	}
	err := f.truncateWAL(ctx, c, truncateTimeout)
	if fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) || errors.Is(err, errLongRead) {
		return nil
	}
	return err
}

// checkpointTruncate tries to truncate the WAL until ctx ends, at least once. SQLite's busy handler
// waits for readers and writers, but not for another connection that checkpoints:
// https://sqlite.org/c3ref/wal_checkpoint_v2.html
func checkpointTruncate(ctx context.Context, c *db.Conn) error {
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
