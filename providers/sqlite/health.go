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
)

// probeEvery limits how often Ping tries to write after a failed write. A program that was taken
// out of use gets no change that would show that the failure is over.
const probeEvery = 5 * time.Second

// probeBytes is what must fit on the disk again: a change with a value of the largest size.
const probeBytes = 2 * myvault.MaxValue

// health is what the last attempt to write has shown of the disk.
type health struct {
	mu  sync.Mutex
	err error
}

// note takes the outcome of an attempt. What says nothing of the disk leaves it as it was.
func (h *health) note(err error) {
	if err != nil && !is(err, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PERM) {
		return
	}
	h.set(err)
}

// set is note without the question what err says: nothing could be written for so long that callers
// were refused.
func (h *health) set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// failure returns ErrUnavailable if the last attempt failed.
func (h *health) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return nil
	}
	return fmt.Errorf("%w: the last attempt to write failed: %w", myvault.ErrUnavailable, h.err)
}

// failing returns ErrUnavailable if the last commit or the last checkpoint failed.
func (w *writer) failing() error { return errors.Join(w.health.failure(), w.log.health.failure()) }

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
	if err := f.writer.failing(); err == nil || !f.probe.due() {
		return err
	}
	if err := f.hasSpace(); err != nil {
		return f.writer.failing()
	}
	err := f.writer.do(ctx, &request{apply: func(c *conn) error {
		f.writer.log.request() // a checkpoint that failed is tried again too, in the background
		// It writes the first page, where an UPDATE to the same value would not.
		return c.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, f.kind.version()))
	}})
	return errors.Join(ctx.Err(), f.writer.failing(), closedOnly(err))
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
	temporary, claimed, err := d.createTemp(filepath.Dir(f.path), temporaryPrefix+"file-*")
	if err != nil {
		return err
	}
	defer claimed.Close()
	defer os.Remove(temporary.Name())
	content := make([]byte, probeBytes)
	_, _ = rand.Read(content) // a file system may compress zeros
	_, err = d.of(temporary).Write(content)
	if err == nil {
		err = d.sync(temporary)
	}
	return errors.Join(err, temporary.Close())
}
