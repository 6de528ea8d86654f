package wal

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// errLocked: another process holds the file, and nothing was begun.
var errLocked = errors.New("locked")

// locked adds errLocked to the engine's BUSY.
func locked(err error) error {
	if fault.HasCode(err, sqlite3.BUSY) {
		return lockedError{err}
	}
	return err
}

// lockedError is an error that is errLocked too, with the text of the cause alone.
type lockedError struct{ error }

func (e lockedError) Unwrap() []error { return []error{e.error, errLocked} }

// retryLater puts back what could not be begun, because another process holds the file, and waits a
// moment. After busyTimeout all who wait are refused.
func (w *Writer) retryLater(busy *backoff, batch []*Request, locked error) {
	w.Mu.Lock()
	w.requeue(batch)
	w.Mu.Unlock()
	switch {
	case !busy.wait(w.closing):
		w.failWaiting(myvault.ErrClosed)
	case busy.waited > db.BusyTimeout:
		w.Disk.locked(locked)
		w.failWaiting(locked)
		*busy = backoff{}
	}
}

// requeue has requests wait again, before all others, and answers those whose callers have left.
// The caller holds mu.
func (w *Writer) requeue(batch []*Request) {
	var again []*Request
	for _, r := range batch {
		r.err, r.afterOthers = nil, false
		if err := r.ctx.Err(); err != nil {
			r.finish(err)
		} else {
			again = append(again, r)
		}
	}
	w.Waiting = append(again, w.Waiting...)
}

// backoff is a wait for another process, in steps that become longer.
type backoff struct{ step, waited time.Duration }

// wait waits for the next step; false: ended was closed before.
func (b *backoff) wait(ended <-chan struct{}) bool {
	b.step = min(max(2*b.step, time.Millisecond), 25*time.Millisecond)
	b.waited += b.step
	select {
	case <-time.After(b.step):
		return true
	case <-ended:
		return false
	}
}

// untilAllLeft returns a context that ends once the contexts of all requests have.
func untilAllLeft(requests []*Request) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var left atomic.Int64
	left.Store(int64(len(requests)))
	stops := []func(){cancel}
	for _, r := range requests {
		forget := context.AfterFunc(r.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
		stops = append(stops, func() { forget() })
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
	}
}
