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

// maxBatch is the maximum number of requests in one transaction.
const maxBatch = 256

// Writer writes to a file through one connection, which one goroutine uses at a time. A caller
// that finds the writer idle writes on its own goroutine, which saves a handover. Requests that
// arrive meanwhile are queued, and the writer's goroutine commits them in batches.
type Writer struct {
	file *File
	// checkFiles returns an error if the file is no longer the one that was opened. It is called
	// before each commit.
	checkFiles func() error
	// BeforeBatch prepares a transaction. If reload is true, another connection may have written
	// or the last transaction failed, and cached state must be read again.
	BeforeBatch func(c *db.Conn, reload bool) error
	// BeforeCommit, if not nil, makes the writes that requests have deferred to the end.
	BeforeCommit func(c *db.Conn) error
	// Save records the state in memory before a request. Restore restores it if the request
	// fails.
	Save, Restore func()
	// clean removes destroyed bytes from the write-ahead log. It waits for readers as long as
	// wait, and sets scrubPending if it fails.
	clean        func(ctx context.Context, c *db.Conn, wait time.Duration) error
	scrubPending atomic.Bool // destroyed bytes may remain in the log
	// AfterCommit is called after each commit.
	AfterCommit func()

	Disk diskState
	Lock *writelock.Lock // between processes
	log  *checkpointer

	// Owned by the goroutine that has set busy.
	Conn         *db.Conn
	versionKnown bool   // lastVersion is valid
	wasBatch     bool   // the last transaction had several requests
	lastVersion  uint32 // DataVersion after the last commit

	// Commits and Requests count committed transactions and the requests in them.
	Commits, Requests atomic.Uint64

	Mu      sync.Mutex
	idle    *sync.Cond // signaled when busy becomes false
	busy    bool
	closed  bool
	Waiting []*Request    // in the order of arrival
	wake    chan struct{} // passes busy to the writer's goroutine
	closing chan struct{}
	ended   chan struct{}
}

// Request is a change that is committed completely or not at all.
type Request struct {
	Apply func(*db.Conn) error
	ctx   context.Context // of the caller
	// Scrub removes destroyed bytes from the log before the request is finished. If that fails,
	// the caller gets ErrUnknownOutcome.
	Scrub       bool
	done        chan struct{} // nil if the caller's goroutine writes
	err         error
	afterOthers bool // err was decided after earlier requests of the transaction were applied
}

// finish sets the result of r and wakes its caller.
func (r *Request) finish(err error) {
	r.err = err
	if r.done != nil {
		r.done <- struct{}{}
	}
}

// startWriter starts the goroutine of w. The connection is opened at the first request, and again
// after a failure.
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

// Do writes r and returns its result. The end of ctx cancels r only while it is queued. Once it
// has begun, Do waits for the result, because a commit cannot be undone. While another process
// has locked the file, r stays queued.
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

// writeNow writes r on the caller's goroutine. If another process is writing, it queues r and
// returns false. If the last transaction had several requests, more are likely to arrive: it
// yields once and adds them to the batch.
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
		w.busy = false
		w.idle.Broadcast()
	}
	return true
}

func (w *Writer) enqueue(r *Request) {
	r.done = make(chan struct{}, 1)
	w.Waiting = append(w.Waiting, r)
}

// await waits for the result of r. If ctx ends first and r is still queued, it removes r.
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

// drain commits batches until the queue is empty. It dequeues requests only after it has the lock
// between processes: until then they can be canceled, and the batch grows. If a program that does
// not use that lock has locked the file, drain retries.
func (w *Writer) drain() {
	busy := backoff{}
	for w.hasWaiting() {
		if err := w.Lock.Wait(w.closing); err != nil {
			if !errors.Is(err, myvault.ErrClosed) {
				w.Disk.recordLocked(err)
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
			// Let the callers just answered queue their next requests, which saves a sync.
			runtime.Gosched()
		}
	}
}

// hasWaiting reports whether a request is queued. If not, it marks the writer as idle.
func (w *Writer) hasWaiting() bool {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if len(w.Waiting) == 0 {
		w.busy = false
		w.idle.Broadcast()
		return false
	}
	return true
}

// dequeue removes and returns up to limit requests.
func (w *Writer) dequeue(limit int) []*Request {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	n := min(len(w.Waiting), limit)
	batch := w.Waiting[:n:n]
	w.Waiting = w.Waiting[n:]
	return batch
}

// failWaiting finishes all queued requests with err. None of them was begun.
func (w *Writer) failWaiting(err error) {
	w.Mu.Lock()
	waiting := w.Waiting
	w.Waiting = nil
	w.Mu.Unlock()
	for _, r := range waiting {
		r.finish(err)
	}
}

// Stop fails the queued requests with ErrClosed and waits for the running ones.
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

// scrub removes destroyed bytes once for all the requests, and finishes them.
func (w *Writer) scrub(requests []*Request) {
	w.scrubPending.Store(false)
	ctx, stop := untilAllCanceled(requests)
	defer stop()
	err := fault.Guard(func() error { return w.clean(ctx, w.Conn, ScrubTimeout) })
	if err != nil {
		if !errors.Is(err, errLongRead) {
			w.Conn.MarkBroken(err)
		}
		err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	for _, r := range requests {
		r.finish(err)
	}
}

// scrubPendingBytes retries a scrub that failed earlier, without waiting for readers.
func (w *Writer) scrubPendingBytes() {
	w.scrubPending.Store(false)
	err := fault.Guard(func() error { return w.clean(context.Background(), w.Conn, 0) })
	if err != nil && !errors.Is(err, errLongRead) && !fault.HasCode(err, sqlite3.BUSY) {
		w.Conn.MarkBroken(err)
	}
}
