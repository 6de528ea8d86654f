package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// probeEvery limits how often Ping tries to write after a failed write. A program that was taken
// out of use gets no change that would show that the failure is over.
const probeEvery = 5 * time.Second

// probeBytes is what must fit on the disk again: a change with a value of the largest size.
const probeBytes = 2 * myvault.MaxValue

// diskState is what the writes to one file have shown of its disk.
type diskState struct {
	mu         sync.Mutex
	commit     error // of the last commit, if the disk or a lock kept it from the file
	checkpoint error // of the last checkpoint, likewise
	unsynced   error // the first fsync that failed
	foundLog   bool  // the write-ahead log is that of a process that may have failed to fsync it
}

// committed notes the outcome of a commit.
func (d *diskState) committed(err error) { d.note(&d.commit, err) }

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

// probe remembers when Ping last tried to write.
type probe struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time to try, and takes it that the caller does.
func (p *probe) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.last.IsZero() || now.Sub(p.last) >= probeEvery {
		p.last = now
		return true
	}
	return false
}

// writes returns ErrUnavailable if the last attempt to write failed. If a probe is due, it tries
// again first.
func (f *file) writes(ctx context.Context) error {
	if err := f.writer.disk.failure(); err == nil || !f.probe.due() {
		return err
	}
	if err := f.hasSpace(); err != nil {
		return f.writer.disk.failure()
	}
	err := f.writer.do(ctx, &request{apply: func(c *db.Conn) error {
		f.writer.log.request() // a checkpoint that failed is tried again too, in the background
		// It writes the first page, where an UPDATE to the same value would not.
		return c.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, f.kind.Version()))
	}})
	return errors.Join(ctx.Err(), f.writer.disk.failure(), closedOnly(err))
}

// closedOnly keeps ErrClosed alone: of other errors the health knows.
func closedOnly(err error) error {
	if errors.Is(err, myvault.ErrClosed) {
		return err
	}
	return nil
}

// hasSpace writes a temporary file beside the database, as large as a change may be. The engine may
// have space in its write-ahead log for the small change of a probe, where the next one would fail.
func (f *file) hasSpace() error {
	d := f.options.disk
	temporary, claimed, err := d.CreateTemp(filepath.Dir(f.path), directory.TemporaryPrefix+"file-*")
	if err != nil {
		return err
	}
	defer claimed.Close()
	defer os.Remove(temporary.Name())
	content := make([]byte, probeBytes)
	_, _ = rand.Read(content) // a file system may compress zeros
	_, err = d.Wrap(temporary).Write(content)
	if err == nil {
		err = d.Sync(temporary)
	}
	return errors.Join(err, temporary.Close())
}
