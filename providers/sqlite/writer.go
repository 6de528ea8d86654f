package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// maxBatch is how many requests one transaction takes at most.
const maxBatch = 256

// writer is the one goroutine that writes to a file, over one connection. Requests that
// wait while it commits are committed together.
type writer struct {
	open func() (*conn, error)
	// inPlace fails where the file is no longer the one that was opened.
	inPlace func() error
	// begin prepares a transaction: it reads again what other processes may have changed.
	begin func(*conn) error
	// mark remembers what requests change in memory; undo goes back to it, for one that failed.
	mark func() (undo func())
	// committed is told that the transaction holds.
	committed func()

	queue   chan *request // unbuffered: what a context takes back was never taken
	closed  chan struct{}
	once    sync.Once
	stopped chan struct{}
	conn    *conn
}

// request is what one caller wants to have written, all or nothing.
type request struct {
	apply func(*conn) error
	// scrub asks for old bytes to be removed before the caller is answered. Where that
	// fails, the caller gets ErrUnknownOutcome.
	scrub bool
	done  chan error
	err   error
}

// startWriter takes over c, which it opens again with open after a failure.
func startWriter(c *conn, w *writer) *writer {
	w.conn = c
	w.queue = make(chan *request)
	w.closed = make(chan struct{})
	w.stopped = make(chan struct{})
	go w.loop()
	return w
}

// do has r written. ctx decides only whether it is taken: from then on the caller waits
// for the result, because a commit cannot be taken back.
func (w *writer) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.done = make(chan error, 1)
	select {
	case <-w.closed:
		return myvault.ErrClosed
	default:
	}
	select {
	case w.queue <- r:
		return <-r.done
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closed:
		return myvault.ErrClosed
	}
}

// stop ends the goroutine, once what it has taken is answered.
func (w *writer) stop() {
	w.once.Do(func() { close(w.closed) })
	<-w.stopped
}

// close stops the goroutine and closes the connection.
func (w *writer) close() error {
	w.stop()
	c := w.conn
	w.conn = nil
	if c == nil {
		return nil
	}
	return c.close()
}

func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case r := <-w.queue:
			w.write(w.drain(r))
		case <-w.closed:
			return
		}
	}
}

// drain takes the requests that wait, and does not wait for more.
func (w *writer) drain(first *request) []*request {
	batch := []*request{first}
	for len(batch) < maxBatch {
		select {
		case r := <-w.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// write commits a batch and answers everyone in it.
func (w *writer) write(batch []*request) {
	err := w.commit(batch)
	for _, r := range batch {
		if r.err == nil {
			r.err = err
		}
	}
	// Those who wait for nothing more are not held up by those who do.
	var scrubbing []*request
	for _, r := range batch {
		if r.scrub && r.err == nil {
			scrubbing = append(scrubbing, r)
		} else {
			r.done <- r.err
		}
	}
	if len(scrubbing) > 0 {
		w.scrub(scrubbing)
	}
	if w.conn != nil && w.conn.broken {
		_ = w.conn.close()
		w.conn = nil
	}
}

// scrub removes old bytes, once for all requests that ask for it, and answers them.
func (w *writer) scrub(requests []*request) {
	err := guard(func() error { return scrub(w.conn) })
	if err != nil {
		w.conn.broken = true
		err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	for _, r := range requests {
		r.done <- err
	}
}

// commit writes the batch in one transaction. Its error is that of all requests that did
// not fail by themselves.
func (w *writer) commit(batch []*request) error {
	// Before a connection is opened: one file's log must never meet another file.
	if err := w.inPlace(); err != nil {
		return err
	}
	if w.conn == nil {
		c, err := w.open()
		if err != nil {
			return failure(context.Background(), err)
		}
		w.conn = c
	}
	committing := false
	err := guard(func() error {
		if err := w.conn.run(`BEGIN IMMEDIATE`); err != nil {
			return err
		}
		if err := w.begin(w.conn); err != nil {
			return err
		}
		any, err := w.applyAll(batch)
		if err == nil && any {
			err = w.inPlace()
		}
		if err != nil || !any {
			return errors.Join(err, w.conn.rollback())
		}
		committing = true
		return w.conn.run(`COMMIT`)
	})
	if err != nil {
		return w.failed(err, committing)
	}
	if committing {
		w.committed()
	}
	return nil
}

// applyAll gives each request a savepoint, so that one that fails takes nothing with it.
// It reports whether there is something to commit. Its error fails the whole batch.
func (w *writer) applyAll(batch []*request) (any bool, err error) {
	for _, r := range batch {
		if err := w.conn.run(`SAVEPOINT request`); err != nil {
			return false, err
		}
		undo := w.mark()
		err := r.apply(w.conn)
		if err == nil {
			if err = w.conn.run(`RELEASE request`); err == nil {
				any = true
				continue
			}
		}
		undo()
		if w.conn.GetAutocommit() {
			return false, err // the engine has rolled back the transaction itself
		}
		if err := errors.Join(w.conn.run(`ROLLBACK TO request`), w.conn.run(`RELEASE request`)); err != nil {
			return false, err
		}
		r.err = failure(context.Background(), err)
	}
	return any, nil
}

// failed cleans up after a transaction that did not hold.
func (w *writer) failed(err error, committing bool) error {
	refused := is(err, sqlite3.BUSY, sqlite3.FULL, sqlite3.LOCKED)
	w.conn.broken = !refused || guard(w.conn.rollback) != nil
	// The frames of a failed commit may be in the write-ahead log, where a crash would
	// bring them back.
	if committing && !refused {
		return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	return failure(context.Background(), err)
}
