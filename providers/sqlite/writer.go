package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/writelock"
)

// maxBatch is how many requests one transaction takes at most.
const maxBatch = 256

// writer writes to a file, over one connection that one goroutine uses at a time. A caller
// who finds it idle writes by itself, which saves handing over. Requests that come
// meanwhile wait, and a goroutine of the writer commits them together.
type writer struct {
	open func() (*db.Conn, error)
	// inPlace fails where the file is no longer the one that was opened.
	inPlace func() error
	// changed checks the file, in a transaction, once another connection may have written to it.
	changed func(*db.Conn) error
	// begin prepares a transaction; anew: another connection may have written, or the last
	// transaction failed, so that what is known of the file must be read again.
	begin func(c *db.Conn, anew bool) error
	// finish writes what requests have left to the end of the transaction; nil: they leave nothing.
	finish func(c *db.Conn) error
	// save remembers what requests change in memory; restore goes back to it, for one that failed.
	save, restore func()
	// clean removes old bytes from the write-ahead log, and waits so long for readers. It
	// sets owed where it fails.
	clean func(ctx context.Context, c *db.Conn, wait time.Duration) error
	owed  atomic.Bool // old bytes are in the log that were to be removed
	// written is called after each commit and each checkpoint.
	written func()
	// committed is told that the transaction holds.
	committed func()
	// beforeWrite is called in each transaction before anything is written.
	beforeWrite func() error

	disk    diskState
	turn    *writelock.Lock // between processes
	log     *checkpointer
	conn    *db.Conn // owned, with what follows, by who made it busy
	known   bool     // version is that of the last transaction
	crowded bool     // the last transaction had several requests
	seen    uint32   // the connection's data version

	counts counts

	mu      sync.Mutex
	idle    *sync.Cond // told when it is no longer busy
	busy    bool
	closed  bool
	waiting []*request    // in the order of their arrival
	wake    chan struct{} // hands over to the writer's goroutine
	closing chan struct{}
	ended   chan struct{}
}

// request is what one caller wants to have written, all or nothing.
type request struct {
	apply func(*db.Conn) error
	ctx   context.Context // of the caller
	// scrub asks for old bytes to be removed before the caller is answered. Where that
	// fails, the caller gets ErrUnknownOutcome.
	scrub  bool
	done   chan struct{} // nil: the caller itself writes
	err    error
	behind bool // err came behind requests that were applied in the same transaction
}

// answer tells the caller what became of the request.
func (r *request) answer(err error) {
	r.err = err
	if r.done != nil {
		r.done <- struct{}{}
	}
}

// startWriter starts w, whose connection is opened for the first request, and again after a
// failure.
func startWriter(w *writer) *writer {
	if w.conn != nil {
		w.log.watch(w.conn)
	}
	w.idle = sync.NewCond(&w.mu)
	w.wake = make(chan struct{}, 1)
	w.closing = make(chan struct{})
	w.ended = make(chan struct{})
	go w.loop()
	return w
}

// do has r written. ctx decides only whether it is begun: from then on the caller waits for the
// result, because a commit cannot be taken back. While another process holds the file, nothing is
// begun.
func (w *writer) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.ctx = ctx
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return myvault.ErrClosed
	}
	if !w.busy {
		w.busy = true
		w.mu.Unlock()
		if w.alone(r) {
			return r.err
		}
		w.wake <- struct{}{}
	} else {
		w.enqueue(r)
		w.mu.Unlock()
	}
	return w.await(ctx, r)
}

// alone writes r unless another process is writing; then r waits. Where the transaction before had
// more than one request, others are about to ask; they are let do so, and go together with it.
func (w *writer) alone(r *request) bool {
	if !w.turn.TryLock() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.enqueue(r)
		return false
	}
	batch := []*request{r}
	if w.crowded {
		runtime.Gosched()
		batch = append(batch, w.take(maxBatch-1)...)
	}
	locked := w.write(batch)
	w.turn.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if locked != nil {
		r.done = make(chan struct{}, 1)
		w.putBack(batch)
		return false
	}
	if len(w.waiting) > 0 {
		w.wake <- struct{}{}
	} else {
		w.rest()
	}
	return true
}

func (w *writer) enqueue(r *request) {
	r.done = make(chan struct{}, 1)
	w.waiting = append(w.waiting, r)
}

// rest ends being busy. The caller holds mu.
func (w *writer) rest() {
	w.busy = false
	w.idle.Broadcast()
}

// await gives the result, or takes the request back if ctx ends before it is begun.
func (w *writer) await(ctx context.Context, r *request) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	for i, other := range w.waiting {
		if other == r {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			w.mu.Unlock()
			return ctx.Err()
		}
	}
	w.mu.Unlock()
	<-r.done
	return r.err
}

func (w *writer) loop() {
	defer close(w.ended)
	for range w.wake {
		w.serve()
	}
}

// serve commits what waits until nothing does. Requests are taken once it is this process's turn:
// until then they can be taken back, and more of them go together. Where another program holds the
// file outside of the turns, it tries again.
func (w *writer) serve() {
	busy := backoff{}
	for w.pending() {
		if err := w.turn.Wait(w.closing); err != nil {
			if !errors.Is(err, myvault.ErrClosed) {
				w.disk.locked(err)
			}
			w.refuse(err)
			continue
		}
		batch := w.take(maxBatch)
		locked := error(nil)
		if len(batch) > 0 {
			locked = w.write(batch)
		}
		w.turn.Unlock()
		if locked != nil {
			w.wait(&busy, batch, locked)
			continue
		}
		busy = backoff{}
		if len(batch) > 1 {
			runtime.Gosched() // let those who were answered ask again: one batch more costs a sync
		}
	}
}

// pending reports whether something waits, and ends being busy where nothing does.
func (w *writer) pending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.rest()
		return false
	}
	return true
}

// take gives what waits, at most so many.
func (w *writer) take(most int) []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), most)
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// refuse answers all who wait, for nothing of theirs was begun.
func (w *writer) refuse(err error) {
	w.mu.Lock()
	waiting := w.waiting
	w.waiting = nil
	w.mu.Unlock()
	for _, r := range waiting {
		r.answer(err)
	}
}

// stop refuses what is not begun and waits for what is.
func (w *writer) stop() {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		close(w.closing)
		w.refuse(myvault.ErrClosed)
		w.mu.Lock()
		for w.busy {
			w.idle.Wait()
		}
		w.mu.Unlock()
		close(w.wake)
	}
	<-w.ended
}

// close stops the writer and closes its connection.
func (w *writer) close() error {
	w.stop()
	w.turn.Close()
	c := w.conn
	w.conn = nil
	if c == nil {
		return nil
	}
	return c.Close()
}

// scrub removes old bytes, once for all requests that ask for it, and answers them.
func (w *writer) scrub(requests []*request) {
	w.owed.Store(false)
	ctx, left := whileWanted(requests)
	defer left()
	err := fault.Guard(func() error { return w.clean(ctx, w.conn, scrubTimeout) })
	if err != nil {
		if !errors.Is(err, errHeld) {
			w.conn.MarkBroken(err)
		}
		err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	for _, r := range requests {
		r.answer(err)
	}
}

// scrubOwed removes old bytes that could not be removed before, and waits for nobody.
func (w *writer) scrubOwed() {
	w.owed.Store(false)
	err := fault.Guard(func() error { return w.clean(context.Background(), w.conn, 0) })
	if err != nil && !errors.Is(err, errHeld) && !fault.HasCode(err, sqlite3.BUSY) {
		w.conn.MarkBroken(err)
	}
}
