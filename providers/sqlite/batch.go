package sqlite

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

// errHalf: a request failed after it had written.
var errHalf = errors.New("a request failed half-way")

// write commits a batch and answers everyone in it. If another process holds the file, it returns
// the engine's BUSY as ErrUnavailable: nothing is begun, and no request is answered.
func (w *writer) write(batch []*request) (locked error) {
	err := w.commit(batch)
	if errors.Is(err, errLocked) {
		return err
	}
	w.crowded = len(batch) > 1
	if err != nil || slices.ContainsFunc(batch, func(r *request) bool { return r.err == nil }) {
		w.disk.committed(err)
	}
	// Those who wait for nothing more are not held up by those who do.
	var scrubbing []*request
	for _, r := range batch {
		outcome := r.outcome(err)
		if r.scrub && outcome == nil {
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
		w.log.bound(w.conn)
	}
	if w.conn != nil && w.conn.Broken {
		_ = w.conn.Close()
		w.conn, w.known = nil, false
	}
	return nil
}

// outcome gives what the caller is told, where the transaction ended with err. A refusal may be for
// what others of the transaction did, and is not true where that does not hold.
func (r *request) outcome(err error) error {
	switch {
	case r.err == nil:
		return err
	case err != nil && r.behind && r.err != errDone:
		return fmt.Errorf("%w: it was not done, since what came before it could not be committed; try again", myvault.ErrUnavailable)
	}
	return r.err
}

// commit writes the batch in one transaction. Its error is that of all requests that did
// not fail by themselves.
func (w *writer) commit(batch []*request) error {
	if err := w.reopen(); err != nil {
		return err
	}
	committing := false
	err := fault.Guard(func() error {
		some, err := w.attempt(batch, false)
		if err == errHalf {
			some, err = w.attempt(batch, true)
		}
		if err == nil && some {
			err = w.inPlace()
		}
		if err != nil || !some {
			w.known = false
			return errors.Join(err, w.conn.Rollback())
		}
		committing = true
		return w.conn.Commit()
	})
	if err != nil {
		w.known = false
		return w.failed(err, committing)
	}
	if committing {
		w.written()
		w.seen, err = w.conn.DataVersion()
		w.known = err == nil
		w.counts.add(batch)
		w.committed()
	}
	return nil
}

// connected is reopen, and waits while another process holds the file, at most for busyTimeout and
// until ctx ends.
func (w *writer) connected(ctx context.Context) error {
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
func (w *writer) reopen() error {
	if w.conn != nil {
		return nil
	}
	if err := w.inPlace(); err != nil {
		return err
	}
	c, err := w.open()
	if err != nil {
		return locked(fault.FromEngine(context.Background(), err))
	}
	w.conn, w.known = c, false
	if w.log != nil { // it is started
		w.log.watch(c)
	}
	return nil
}

// attempt begins a transaction and applies the batch; apart: each request in a savepoint.
// It reports whether there is something to commit.
func (w *writer) attempt(batch []*request, apart bool) (some bool, err error) {
	if err := w.conn.Rollback(); err != nil {
		return false, err
	}
	if err := w.conn.Write(`BEGIN IMMEDIATE`, nil); err != nil {
		return false, locked(err)
	}
	// Now nobody else can write, and the version tells whether somebody has.
	if err := w.beforeWrite(); err != nil {
		return false, err
	}
	version, err := w.conn.DataVersion()
	if err != nil {
		return false, err
	}
	anew := !w.known || version != w.seen
	if anew {
		if err := w.changed(w.conn); err != nil {
			return false, err
		}
	}
	if err := w.begin(w.conn, anew); err != nil {
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
	if some && w.finish != nil {
		err = w.finish(w.conn)
	}
	return some, err
}

// applyAll applies the requests of a batch that were not refused, and reports whether there were any.
func applyAll(batch []*request, apply func(*request) (bool, error)) (some bool, err error) {
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
func (w *writer) together(r *request) (done bool, err error) {
	w.save()
	before := w.conn.TotalChanges()
	if err = r.apply(w.conn); err == nil {
		return true, nil
	}
	w.restore()
	if w.conn.GetAutocommit() {
		return false, err // the engine has rolled back the transaction itself
	}
	if w.conn.TotalChanges() != before {
		return false, errHalf
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// apart applies a request in a savepoint, so that one that fails takes nothing with it.
func (w *writer) apart(r *request) (done bool, err error) {
	if err := w.conn.Write(`SAVEPOINT request`, nil); err != nil {
		return false, err
	}
	w.save()
	err = r.apply(w.conn)
	if err == nil {
		if err = w.conn.Write(`RELEASE request`, nil); err == nil {
			return true, nil
		}
	}
	w.restore()
	if w.conn.GetAutocommit() {
		return false, err
	}
	if err := errors.Join(w.conn.Write(`ROLLBACK TO request`, nil), w.conn.Write(`RELEASE request`, nil)); err != nil {
		return false, err
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// failed cleans up after a transaction that did not hold.
func (w *writer) failed(err error, committing bool) error {
	refused := fault.HasCode(err, sqlite3.BUSY, sqlite3.FULL, sqlite3.LOCKED)
	if !refused || fault.Guard(w.conn.Rollback) != nil {
		w.conn.MarkBroken(err)
	}
	// The frames of a failed commit may be in the write-ahead log, where a crash would
	// bring them back.
	if committing && !refused {
		return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, fault.WithAdvice(err))
	}
	return fault.FromEngine(context.Background(), err)
}
