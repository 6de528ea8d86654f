package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// healthWithin is how long a failure is told of when nothing is written after it. A
// program that is taken out of use because of it gets no change that would show that it is over.
const healthWithin = 30 * time.Second

// health is what the last attempt to write has shown of the disk.
type health struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// note takes the outcome of an attempt. What says nothing of the disk leaves it as it was.
func (h *health) note(err error) {
	if err != nil && !is(err, sqlite3.FULL, sqlite3.IOERR, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.PERM) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
	if err != nil {
		h.at = time.Now()
	}
}

// failure gives ErrUnavailable where the last attempt failed, and that not long ago.
func (h *health) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil || time.Since(h.at) > healthWithin {
		return nil
	}
	return fmt.Errorf("%w: the last attempt to write failed: %w", myvault.ErrUnavailable, h.err)
}

// failing gives ErrUnavailable where the last commit or the last checkpoint failed.
func (w *writer) failing() error { return errors.Join(w.health.failure(), w.log.health.failure()) }
