package wal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// diskState records the disk failures that writes to one file have met.
type diskState struct {
	mu       sync.Mutex
	last     [2]error    // of the last commit and checkpoint, if the disk or a lock prevented it
	unsynced error       // of the first fsync that failed
	unopened error       // why the log cannot be opened for its fsync
	foundLog atomic.Bool // an earlier process wrote the log and may have failed to fsync it
}

// The writes whose last outcome is known.
const (
	Commit = iota
	checkpoint
)

// Record records the outcome of a commit or a checkpoint.
func (d *diskState) Record(write int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || fault.HasCode(err, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PERM) {
		d.last[write] = err
	}
	d.recordFsync(err)
}

// recordFsync stops writes to the file if err is a failed fsync of SQLite. The caller holds d.mu.
func (d *diskState) recordFsync(err error) {
	if errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR_DIR_FSYNC) {
		d.setUnsynced(err)
	}
}

// checkFsync stops writes to the file if err is a failed fsync of SQLite, and returns err.
func (d *diskState) checkFsync(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recordFsync(err)
	return err
}

// setUnsynced records the first failed fsync. It keeps SQLite's own error: err may also report
// the outcome of one commit.
func (d *diskState) setUnsynced(err error) {
	var cause *sqlite3.Error
	var code sqlite3.ExtendedErrorCode
	switch {
	case errors.As(err, &cause):
		err = cause
	case errors.As(err, &code):
		err = code
	}
	if d.unsynced == nil {
		d.unsynced = err
	}
}

// recordLocked records that callers were refused because the file was locked for too long.
func (d *diskState) recordLocked(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[Commit] = err
}

// stop records a failed fsync. The kernel may have dropped the pages that it could not write, and a
// later fsync succeeds without them: https://wiki.postgresql.org/wiki/Fsync_Errors. Therefore
// nothing more is written to the file until it is opened again.
func (d *diskState) stop(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setUnsynced(err)
}

// setUnopened records whether the log can be opened for its fsync.
func (d *diskState) setUnopened(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unopened = err
}

// Stopped returns ErrUnavailable after a failed fsync, and while the log cannot be opened for one.
func (d *diskState) Stopped() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.unsynced == nil && d.unopened == nil:
		return nil
	case d.unsynced == nil:
		return fmt.Errorf("%w: the trail cannot be synced: %w", myvault.ErrUnavailable, d.unopened)
	}
	return fmt.Errorf("%w: an fsync failed; check the disk, then close the store and open it again: %w", myvault.ErrUnavailable, d.unsynced)
}

// failure returns ErrUnavailable if the last commit, the last checkpoint or any fsync failed.
func (d *diskState) failure() error {
	if err := d.Stopped(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := errors.Join(d.last[:]...); err != nil {
		return fmt.Errorf("%w: the last write failed: %w", myvault.ErrUnavailable, err)
	}
	return nil
}

// logUnsynced reports whether frames of the log may not be on disk. Such a log must not be copied
// into the database: a power cut could leave copied pages without the pages they refer to.
func (d *diskState) logUnsynced() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.foundLog.Load() || d.unsynced != nil
}

// BeforeWrite returns ErrUnavailable after a failed fsync. If the file was opened with a log, it
// first writes that log again and syncs it: the process that wrote the log may have ended after a
// failed fsync. The caller holds SQLite's write lock.
func (f *File) BeforeWrite() error {
	d := &f.Writer.Disk
	if err := d.Stopped(); err != nil || !d.foundLog.Load() {
		return err
	}
	err := f.CheckFiles()
	if err == nil {
		err = errors.Join(rewriteWAL(f.Path+"-wal", f.Path+"-shm"), f.Options.Disk.SyncFile(f.Path+"-wal"))
	}
	if err != nil {
		return fmt.Errorf("%w: the write-ahead log cannot be synced; check the disk: %w", myvault.ErrUnavailable, err)
	}
	d.foundLog.Store(false)
	return nil
}
