package wal

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// diskState records the disk failures that writes to one file have met.
type diskState struct {
	mu         sync.Mutex
	commit     error // of the last commit, if the disk or a lock prevented it
	checkpoint error // of the last checkpoint, likewise
	unsynced   error // of the first fsync that failed
	foundLog   bool  // an earlier process wrote the log and may have failed to fsync it
}

// committed records the outcome of a commit.
func (d *diskState) committed(err error) { d.record(&d.commit, err) }

// checkpointed records the outcome of a checkpoint.
func (d *diskState) checkpointed(err error) { d.record(&d.checkpoint, err) }

func (d *diskState) record(last *error, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || fault.HasCode(err, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PERM) {
		*last = err
	}
	if errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR_DIR_FSYNC) {
		d.setUnsynced(err)
	}
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
	d.commit = err
}

// stop records a failed fsync. The kernel may have dropped the pages that it could not write, and a
// later fsync succeeds without them: https://wiki.postgresql.org/wiki/Fsync_Errors. Therefore
// nothing more is written to the file until it is opened again.
func (d *diskState) stop(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setUnsynced(err)
}

// isStopped reports whether an fsync has failed.
func (d *diskState) isStopped() bool { return d.stopped() != nil }

// stopped returns ErrUnavailable after a failed fsync.
func (d *diskState) stopped() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unsynced == nil {
		return nil
	}
	return fmt.Errorf("%w: an fsync failed; check the disk, then close the store and open it again: %w", myvault.ErrUnavailable, d.unsynced)
}

// failure returns ErrUnavailable if the last commit, the last checkpoint or any fsync failed.
func (d *diskState) failure() error {
	if err := d.stopped(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.commit == nil && d.checkpoint == nil {
		return nil
	}
	return fmt.Errorf("%w: the last write failed: %w", myvault.ErrUnavailable, errors.Join(d.commit, d.checkpoint))
}

// logUnsynced reports whether frames of the log may not be on disk. Such a log must not be copied
// into the database: a power cut could leave copied pages without the pages they refer to.
func (d *diskState) logUnsynced() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.foundLog || d.unsynced != nil
}
