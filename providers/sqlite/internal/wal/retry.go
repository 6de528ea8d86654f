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

// errLocked means that another process has locked the file and nothing was begun.
var errLocked = errors.New("locked")

// wrapLocked adds errLocked to SQLite's BUSY and returns other errors as they are.
func wrapLocked(err error) error {
	if fault.HasCode(err, sqlite3.BUSY) {
		return lockedError{err}
	}
	return err
}

// lockedError wraps errLocked and a cause. Its text is that of the cause.
type lockedError struct{ error }

// Unwrap returns the cause and errLocked.
func (e lockedError) Unwrap() []error { return []error{e.error, errLocked} }

// retryLater requeues a batch that met a locked file, and waits for the next step of busy. After
// BusyTimeout it fails all waiting requests.
func (w *Writer) retryLater(busy *backoff, batch []*Request, locked error) {
	w.Mu.Lock()
	w.requeue(batch)
	w.Mu.Unlock()
	switch {
	case !busy.wait(w.closing):
		w.failWaiting(myvault.ErrClosed)
	case busy.waited > db.BusyTimeout:
		w.Disk.recordLocked(locked)
		w.failWaiting(locked)
		*busy = backoff{}
	}
}

// requeue puts requests back at the front of the queue. It finishes those whose contexts have
// ended. The caller holds w.Mu.
func (w *Writer) requeue(batch []*Request) {
	var live []*Request
	for _, r := range batch {
		r.err, r.afterOthers = nil, false
		if err := r.ctx.Err(); err != nil {
			r.finish(err)
		} else {
			live = append(live, r)
		}
	}
	w.Waiting = append(live, w.Waiting...)
}

// backoff is a wait for another process in steps that double up to 25 ms.
type backoff struct{ step, waited time.Duration }

// wait waits for the next step. It returns false if ended is closed first.
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

// untilAllCanceled returns a context that ends when the contexts of all requests have ended.
func untilAllCanceled(requests []*Request) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var live atomic.Int64
	live.Store(int64(len(requests)))
	stops := []func(){cancel}
	for _, r := range requests {
		unregister := context.AfterFunc(r.ctx, func() {
			if live.Add(-1) == 0 {
				cancel()
			}
		})
		stops = append(stops, func() { unregister() })
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
	}
}
