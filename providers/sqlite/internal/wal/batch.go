package wal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// ErrHalf: a request failed after it had written.
var ErrHalf = errors.New("a request failed half-way")

// write commits a batch and answers everyone in it. If another process holds the file, it returns
// the engine's BUSY as ErrUnavailable: nothing is begun, and no request is answered.
func (w *Writer) write(batch []*Request) (locked error) {
	err := w.commit(batch)
	if errors.Is(err, errLocked) {
		return err
	}
	w.crowded = len(batch) > 1
	if err != nil || slices.ContainsFunc(batch, func(r *Request) bool { return r.err == nil }) {
		w.Disk.Committed(err)
	}
	// Those who wait for nothing more are not held up by those who do.
	var scrubbing []*Request
	for _, r := range batch {
		outcome := r.outcome(err)
		if r.Scrub && outcome == nil {
			scrubbing = append(scrubbing, r)
		} else {
			r.answer(outcome)
		}
	}
	if len(scrubbing) > 0 {
		w.scrub(scrubbing)
	} else if err == nil && w.owed.Load() {
		w.scrubOwed()
	}
	if err == nil {
		w.log.Bound(w.Conn)
	}
	if w.Conn != nil && w.Conn.Broken {
		_ = w.Conn.Close()
		w.Conn, w.known = nil, false
	}
	return nil
}

// outcome gives what the caller is told, where the transaction ended with err. A refusal may be for
// what others of the transaction did, and is not true where that does not hold.
func (r *Request) outcome(err error) error {
	switch {
	case r.err == nil:
		return err
	case err != nil && r.behind && r.err != ErrDone:
		return fmt.Errorf("%w: it was not done, since what came before it could not be committed; try again", myvault.ErrUnavailable)
	}
	return r.err
}

// commit writes the batch in one transaction. Its error is that of all requests that did
// not fail by themselves.
func (w *Writer) commit(batch []*Request) error {
	if err := w.reopen(); err != nil {
		return err
	}
	committing := false
	err := fault.Guard(func() error {
		some, err := w.attempt(batch, false)
		if err == ErrHalf {
			some, err = w.attempt(batch, true)
		}
		if err == nil && some {
			err = w.CheckPlace()
		}
		if err != nil || !some {
			w.known = false
			return errors.Join(err, w.Conn.Rollback())
		}
		committing = true
		return w.Conn.Commit()
	})
	if err != nil {
		w.known = false
		return w.failed(err, committing)
	}
	if committing {
		w.written()
		w.seen, err = w.Conn.DataVersion()
		w.known = err == nil
		w.Counts.add(batch)
		w.Committed()
	}
	return nil
}

// Connect is reopen, and waits while another process holds the file, at most for busyTimeout and
// until ctx ends.
func (w *Writer) Connect(ctx context.Context) error {
	for busy := (backoff{}); ; {
		err := w.reopen()
		if !errors.Is(err, errLocked) || busy.waited > db.BusyTimeout {
			return err
		}
		if !busy.wait(ctx.Done()) {
			return ctx.Err()
		}
	}
}

// reopen makes sure that there is a connection. One is opened only where the file is still
// in its place: one file's log must never meet another file.
func (w *Writer) reopen() error {
	if w.Conn != nil {
		return nil
	}
	if err := w.CheckPlace(); err != nil {
		return err
	}
	c, err := w.open()
	if err != nil {
		return locked(fault.FromEngine(context.Background(), err))
	}
	w.Conn, w.known = c, false
	if w.log != nil { // it is started
		w.log.watch(c)
	}
	return nil
}

// attempt begins a transaction and applies the batch; apart: each request in a savepoint.
// It reports whether there is something to commit.
func (w *Writer) attempt(batch []*Request, apart bool) (some bool, err error) {
	if err := w.Conn.Rollback(); err != nil {
		return false, err
	}
	if err := w.Conn.Write(`BEGIN IMMEDIATE`, nil); err != nil {
		return false, locked(err)
	}
	// Now nobody else can write, and the version tells whether somebody has.
	if err := w.beforeWrite(); err != nil {
		return false, err
	}
	version, err := w.Conn.DataVersion()
	if err != nil {
		return false, err
	}
	anew := !w.known || version != w.seen
	if anew {
		if err := w.changed(w.Conn); err != nil {
			return false, err
		}
	}
	if err := w.Begin(w.Conn, anew); err != nil {
		return false, err
	}
	w.known = false
	apply := w.together
	if apart {
		apply = w.apart
	}
	if some, err = applyAll(batch, apply); err != nil {
		return false, err
	}
	if some && w.Finish != nil {
		err = w.Finish(w.Conn)
	}
	return some, err
}

// applyAll applies the requests of a batch that were not refused, and reports whether there were any.
func applyAll(batch []*Request, apply func(*Request) (bool, error)) (some bool, err error) {
	for _, r := range batch {
		if r.behind {
			r.err = nil // another process may have written since, so that those before it are refused now
		}
		if r.err != nil {
			continue
		}
		done, err := apply(r)
		if err != nil {
			return false, err
		}
		r.behind = some && r.err != nil
		some = some || done
	}
	return some, nil
}

// together applies a request without a savepoint. That is enough for one that fails, as
// nearly all do, before it has written anything; for the others it gives errHalf.
func (w *Writer) together(r *Request) (done bool, err error) {
	w.Save()
	before := w.Conn.TotalChanges()
	if err = r.Apply(w.Conn); err == nil {
		return true, nil
	}
	w.Restore()
	if w.Conn.GetAutocommit() {
		return false, err // the engine has rolled back the transaction itself
	}
	if w.Conn.TotalChanges() != before {
		return false, ErrHalf
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// apart applies a request in a savepoint, so that one that fails takes nothing with it.
func (w *Writer) apart(r *Request) (done bool, err error) {
	if err := w.Conn.Write(`SAVEPOINT request`, nil); err != nil {
		return false, err
	}
	w.Save()
	err = r.Apply(w.Conn)
	if err == nil {
		if err = w.Conn.Write(`RELEASE request`, nil); err == nil {
			return true, nil
		}
	}
	w.Restore()
	if w.Conn.GetAutocommit() {
		return false, err
	}
	if err := errors.Join(w.Conn.Write(`ROLLBACK TO request`, nil), w.Conn.Write(`RELEASE request`, nil)); err != nil {
		return false, err
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// failed cleans up after a transaction that did not hold.
func (w *Writer) failed(err error, committing bool) error {
	refused := fault.HasCode(err, sqlite3.BUSY, sqlite3.FULL, sqlite3.LOCKED)
	if !refused || fault.Guard(w.Conn.Rollback) != nil {
		w.Conn.MarkBroken(err)
	}
	// The frames of a failed commit may be in the write-ahead log, where a crash would
	// bring them back.
	if committing && !refused {
		return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, fault.WithAdvice(err))
	}
	return fault.FromEngine(context.Background(), err)
}
