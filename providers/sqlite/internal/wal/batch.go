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

// ErrPartial: a request failed after it had written.
var ErrPartial = errors.New("a request failed half-way")

// write commits a batch and answers everyone in it. If another process holds the file, it returns
// the engine's BUSY as ErrUnavailable: nothing is begun, and no request is answered.
func (w *Writer) write(batch []*Request) (locked error) {
	err := w.commit(batch)
	if errors.Is(err, errLocked) {
		return err
	}
	w.wasBatch = len(batch) > 1
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
			r.finish(outcome)
		}
	}
	if len(scrubbing) > 0 {
		w.scrub(scrubbing)
	} else if err == nil && w.scrubPending.Load() {
		w.scrubPendingBytes()
	}
	if err == nil {
		w.log.AfterCommit(w.Conn)
	}
	if w.Conn != nil && w.Conn.Broken {
		_ = w.Conn.Close()
		w.Conn, w.versionKnown = nil, false
	}
	return nil
}

// outcome gives what the caller is told, where the transaction ended with err. A refusal may be for
// what others of the transaction did, and is not true where that does not hold.
func (r *Request) outcome(err error) error {
	switch {
	case r.err == nil:
		return err
	case err != nil && r.afterOthers && r.err != ErrNothing:
		return fmt.Errorf("%w: it was not done, since what came before it could not be committed; try again", myvault.ErrUnavailable)
	}
	return r.err
}

// commit writes the batch in one transaction. Its error is that of all requests that did
// not fail by themselves.
func (w *Writer) commit(batch []*Request) error {
	if err := w.ensureConn(); err != nil {
		return err
	}
	committing := false
	err := fault.Guard(func() error {
		some, err := w.applyBatch(batch, false)
		if err == ErrPartial {
			some, err = w.applyBatch(batch, true)
		}
		if err == nil && some {
			err = w.checkFiles()
		}
		if err != nil || !some {
			w.versionKnown = false
			return errors.Join(err, w.Conn.Rollback())
		}
		committing = true
		return w.Conn.Commit()
	})
	if err != nil {
		w.versionKnown = false
		return w.cleanUp(err, committing)
	}
	if committing {
		w.logChanged()
		w.lastVersion, err = w.Conn.DataVersion()
		w.versionKnown = err == nil
		w.Counts.add(batch)
		w.AfterCommit()
	}
	return nil
}

// EnsureConn is reopen, and waits while another process holds the file, at most for busyTimeout and
// until ctx ends.
func (w *Writer) EnsureConn(ctx context.Context) error {
	for busy := (backoff{}); ; {
		err := w.ensureConn()
		if !errors.Is(err, errLocked) || busy.waited > db.BusyTimeout {
			return err
		}
		if !busy.wait(ctx.Done()) {
			return ctx.Err()
		}
	}
}

// ensureConn makes sure that there is a connection. One is opened only where the file is still
// in its place: one file's log must never meet another file.
func (w *Writer) ensureConn() error {
	if w.Conn != nil {
		return nil
	}
	if err := w.checkFiles(); err != nil {
		return err
	}
	c, err := w.open()
	if err != nil {
		return locked(fault.FromEngine(context.Background(), err))
	}
	w.Conn, w.versionKnown = c, false
	if w.log != nil { // it is started
		w.log.countPages(c)
	}
	return nil
}

// applyBatch begins a transaction and applies the batch; apart: each request in a savepoint.
// It reports whether there is something to commit.
func (w *Writer) applyBatch(batch []*Request, apart bool) (some bool, err error) {
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
	anew := !w.versionKnown || version != w.lastVersion
	if anew {
		if err := w.checkSchema(w.Conn); err != nil {
			return false, err
		}
	}
	if err := w.BeforeBatch(w.Conn, anew); err != nil {
		return false, err
	}
	w.versionKnown = false
	apply := w.applyPlain
	if apart {
		apply = w.applyInSavepoint
	}
	if some, err = applyAll(batch, apply); err != nil {
		return false, err
	}
	if some && w.BeforeCommit != nil {
		err = w.BeforeCommit(w.Conn)
	}
	return some, err
}

// applyAll applies the requests of a batch that were not refused, and reports whether there were any.
func applyAll(batch []*Request, apply func(*Request) (bool, error)) (some bool, err error) {
	for _, r := range batch {
		if r.afterOthers {
			r.err = nil // another process may have written since, so that those before it are refused now
		}
		if r.err != nil {
			continue
		}
		done, err := apply(r)
		if err != nil {
			return false, err
		}
		r.afterOthers = some && r.err != nil
		some = some || done
	}
	return some, nil
}

// applyPlain applies a request without a savepoint. That is enough for one that fails, as
// nearly all do, before it has written anything; for the others it returns ErrPartial.
func (w *Writer) applyPlain(r *Request) (done bool, err error) {
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
		return false, ErrPartial
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// applyInSavepoint applies a request in a savepoint, so that one that fails takes nothing with it.
func (w *Writer) applyInSavepoint(r *Request) (done bool, err error) {
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

// cleanUp cleans up after a transaction that did not hold.
func (w *Writer) cleanUp(err error, committing bool) error {
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
