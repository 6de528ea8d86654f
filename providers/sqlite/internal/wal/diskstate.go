package wal

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// diskState is what the writes to one file have shown of its disk.
type diskState struct {
	mu         sync.Mutex
	commit     error // of the last commit, if the disk or a lock kept it from the file
	checkpoint error // of the last checkpoint, likewise
	unsynced   error // the first fsync that failed
	foundLog   bool  // the write-ahead log is that of a process that may have failed to fsync it
}

// Committed notes the outcome of a commit.
func (d *diskState) Committed(err error) { d.note(&d.commit, err) }

// checkpointed notes the outcome of a checkpoint.
func (d *diskState) checkpointed(err error) { d.note(&d.checkpoint, err) }

func (d *diskState) note(last *error, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || fault.HasCode(err, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PERM) {
		*last = err
	}
	failed := errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR_DIR_FSYNC)
	if failed {
		d.setUnsynced(err)
	}
}

func (d *diskState) setUnsynced(err error) {
	var cause *sqlite3.Error
	var code sqlite3.ExtendedErrorCode
	switch { // without the outcome of the commit that met it
	case errors.As(err, &cause):
		err = cause
	case errors.As(err, &code):
		err = code
	}
	if d.unsynced == nil {
		d.unsynced = err
	}
}

// locked notes that callers were refused because nothing could be written for too long.
func (d *diskState) locked(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit = err
}

// stop notes a failed fsync. The kernel may have dropped the pages that it could not write, and a
// later fsync succeeds without them: https://wiki.postgresql.org/wiki/Fsync_Errors. So nothing
// more is written to the file until it is opened again.
func (d *diskState) stop(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setUnsynced(err)
}

// stopped returns ErrUnavailable after a failed fsync.
func (d *diskState) stopped() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unsynced == nil {
		return nil
	}
	return fmt.Errorf("%w: an fsync has failed; check the disk, then close the store and open it again: %w", myvault.ErrUnavailable, d.unsynced)
}

// failure returns ErrUnavailable if the last commit or the last checkpoint failed, or an fsync has.
func (d *diskState) failure() error {
	if err := d.stopped(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.commit == nil && d.checkpoint == nil {
		return nil
	}
	return fmt.Errorf("%w: the last attempt to write failed: %w", myvault.ErrUnavailable, errors.Join(d.commit, d.checkpoint))
}

// logUnsynced reports whether frames of the log may be missing on the disk. They must not be copied
// into the database then: a power cut would leave pages there that others depend on.
func (d *diskState) logUnsynced() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.foundLog || d.unsynced != nil
}
