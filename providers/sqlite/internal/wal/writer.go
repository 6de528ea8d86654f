package wal

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

// Writer writes to a file, over one connection that one goroutine uses at a time. A caller
// who finds it idle writes by itself, which saves handing over. Requests that come
// meanwhile wait, and a goroutine of the writer commits them together.
type Writer struct {
	open func() (*db.Conn, error)
	// checkFiles fails where the file is no longer the one that was opened.
	checkFiles func() error
	// checkSchema checks the file, in a transaction, once another connection may have written to it.
	checkSchema func(*db.Conn) error
	// BeforeBatch prepares a transaction; anew: another connection may have written, or the last
	// transaction failed, so that what is known of the file must be read again.
	BeforeBatch func(c *db.Conn, anew bool) error
	// BeforeCommit writes what requests have left to the end of the transaction; nil: they leave nothing.
	BeforeCommit func(c *db.Conn) error
	// save remembers what requests change in memory; restore goes back to it, for one that failed.
	Save, Restore func()
	// Clean removes old bytes from the write-ahead log, and waits so long for readers. It
	// sets owed where it fails.
	Clean        func(ctx context.Context, c *db.Conn, wait time.Duration) error
	scrubPending atomic.Bool // old bytes are in the log that were to be removed
	// logChanged is called after each commit and each checkpoint.
	logChanged func()
	// AfterCommit is told that the transaction holds.
	AfterCommit func()
	// beforeWrite is called in each transaction before anything is written.
	beforeWrite func() error

	Disk         diskState
	Lock         *writelock.Lock // between processes
	log          *checkpointer
	Conn         *db.Conn // owned, with what follows, by who made it busy
	versionKnown bool     // version is that of the last transaction
	wasBatch     bool     // the last transaction had several requests
	lastVersion  uint32   // the connection's data version

	Counts counts

	Mu      sync.Mutex
	idle    *sync.Cond // told when it is no longer busy
	busy    bool
	closed  bool
	Waiting []*Request    // in the order of their arrival
	wake    chan struct{} // hands over to the writer's goroutine
	closing chan struct{}
	ended   chan struct{}
}

// Request is what one caller wants to have written, all or nothing.
type Request struct {
	Apply func(*db.Conn) error
	ctx   context.Context // of the caller
	// Scrub asks for old bytes to be removed before the caller is answered. Where that
	// fails, the caller gets ErrUnknownOutcome.
	Scrub       bool
	done        chan struct{} // nil: the caller itself writes
	err         error
	afterOthers bool // err came behind requests that were applied in the same transaction
}

// finish tells the caller what became of the request.
func (r *Request) finish(err error) {
	r.err = err
	if r.done != nil {
		r.done <- struct{}{}
	}
}

// startWriter starts w, whose connection is opened for the first request, and again after a
// failure.
func startWriter(w *Writer) *Writer {
	if w.Conn != nil {
		w.log.countPages(w.Conn)
	}
	w.idle = sync.NewCond(&w.Mu)
	w.wake = make(chan struct{}, 1)
	w.closing = make(chan struct{})
	w.ended = make(chan struct{})
	go w.loop()
	return w
}

// Do has r written. ctx decides only whether it is begun: from then on the caller waits for the
// result, because a commit cannot be taken back. While another process holds the file, nothing is
// begun.
func (w *Writer) Do(ctx context.Context, r *Request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.ctx = ctx
	w.Mu.Lock()
	if w.closed {
		w.Mu.Unlock()
		return myvault.ErrClosed
	}
	if !w.busy {
		w.busy = true
		w.Mu.Unlock()
		if w.writeNow(r) {
			return r.err
		}
		w.wake <- struct{}{}
	} else {
		w.enqueue(r)
		w.Mu.Unlock()
	}
	return w.await(ctx, r)
}

// writeNow writes r unless another process is writing; then r waits. Where the transaction before had
// more than one request, others are about to ask; they are let do so, and go together with it.
func (w *Writer) writeNow(r *Request) bool {
	if !w.Lock.TryLock() {
		w.Mu.Lock()
		defer w.Mu.Unlock()
		w.enqueue(r)
		return false
	}
	batch := []*Request{r}
	if w.wasBatch {
		runtime.Gosched()
		batch = append(batch, w.dequeue(maxBatch-1)...)
	}
	locked := w.write(batch)
	w.Lock.Unlock()
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if locked != nil {
		r.done = make(chan struct{}, 1)
		w.requeue(batch)
		return false
	}
	if len(w.Waiting) > 0 {
		w.wake <- struct{}{}
	} else {
		w.setIdle()
	}
	return true
}

func (w *Writer) enqueue(r *Request) {
	r.done = make(chan struct{}, 1)
	w.Waiting = append(w.Waiting, r)
}

// setIdle ends being busy. The caller holds mu.
func (w *Writer) setIdle() {
	w.busy = false
	w.idle.Broadcast()
}

// await gives the result, or takes the request back if ctx ends before it is begun.
func (w *Writer) await(ctx context.Context, r *Request) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	w.Mu.Lock()
	for i, other := range w.Waiting {
		if other == r {
			w.Waiting = append(w.Waiting[:i], w.Waiting[i+1:]...)
			w.Mu.Unlock()
			return ctx.Err()
		}
	}
	w.Mu.Unlock()
	<-r.done
	return r.err
}

func (w *Writer) loop() {
	defer close(w.ended)
	for range w.wake {
		w.drain()
	}
}

// drain commits what waits until nothing does. Requests are taken once it is this process's turn:
// until then they can be taken back, and more of them go together. Where another program holds the
// file outside of the turns, it tries again.
func (w *Writer) drain() {
	busy := backoff{}
	for w.hasWaiting() {
		if err := w.Lock.Wait(w.closing); err != nil {
			if !errors.Is(err, myvault.ErrClosed) {
				w.Disk.locked(err)
			}
			w.failWaiting(err)
			continue
		}
		batch := w.dequeue(maxBatch)
		locked := error(nil)
		if len(batch) > 0 {
			locked = w.write(batch)
		}
		w.Lock.Unlock()
		if locked != nil {
			w.retryLater(&busy, batch, locked)
			continue
		}
		busy = backoff{}
		if len(batch) > 1 {
			runtime.Gosched() // let those who were answered ask again: one batch more costs a sync
		}
	}
}

// hasWaiting reports whether something waits, and ends being busy where nothing does.
func (w *Writer) hasWaiting() bool {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if len(w.Waiting) == 0 {
		w.setIdle()
		return false
	}
	return true
}

// dequeue gives what waits, at most so many.
func (w *Writer) dequeue(most int) []*Request {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	n := min(len(w.Waiting), most)
	batch := w.Waiting[:n:n]
	w.Waiting = w.Waiting[n:]
	return batch
}

// failWaiting answers all who wait, for nothing of theirs was begun.
func (w *Writer) failWaiting(err error) {
	w.Mu.Lock()
	waiting := w.Waiting
	w.Waiting = nil
	w.Mu.Unlock()
	for _, r := range waiting {
		r.finish(err)
	}
}

// Stop refuses what is not begun and waits for what is.
func (w *Writer) Stop() {
	w.Mu.Lock()
	first := !w.closed
	w.closed = true
	w.Mu.Unlock()
	if first {
		close(w.closing)
		w.failWaiting(myvault.ErrClosed)
		w.Mu.Lock()
		for w.busy {
			w.idle.Wait()
		}
		w.Mu.Unlock()
		close(w.wake)
	}
	<-w.ended
}

// close stops the writer and closes its connection.
func (w *Writer) close() error {
	w.Stop()
	w.Lock.Close()
	c := w.Conn
	w.Conn = nil
	if c == nil {
		return nil
	}
	return c.Close()
}

// scrub removes old bytes, once for all requests that ask for it, and answers them.
func (w *Writer) scrub(requests []*Request) {
	w.scrubPending.Store(false)
	ctx, left := untilAllLeft(requests)
	defer left()
	err := fault.Guard(func() error { return w.Clean(ctx, w.Conn, ScrubTimeout) })
	if err != nil {
		if !errors.Is(err, errBackupRunning) {
			w.Conn.MarkBroken(err)
		}
		err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	for _, r := range requests {
		r.finish(err)
	}
}

// scrubPendingBytes removes old bytes that could not be removed before, and waits for nobody.
func (w *Writer) scrubPendingBytes() {
	w.scrubPending.Store(false)
	err := fault.Guard(func() error { return w.Clean(context.Background(), w.Conn, 0) })
	if err != nil && !errors.Is(err, errBackupRunning) && !fault.HasCode(err, sqlite3.BUSY) {
		w.Conn.MarkBroken(err)
	}
}
