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

// errPartial is the error of a batch in which a request failed after it had written.
var errPartial = errors.New("a request failed after writing")

// write commits a batch and finishes its requests. If another process has locked the file, it
// returns errLocked: nothing was begun, and no request is finished.
func (w *Writer) write(batch []*Request) (locked error) {
	err := w.commit(batch)
	if errors.Is(err, errLocked) {
		return err
	}
	w.wasBatch = len(batch) > 1
	if err != nil || slices.ContainsFunc(batch, func(r *Request) bool { return r.err == nil }) {
		w.Disk.Record(Commit, err)
	}
	// Finish the other requests first: a scrub may wait for readers.
	var scrubbing []*Request
	for _, r := range batch {
		outcome := r.err
		if err != nil {
			outcome = r.outcome(err)
		}
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
		w.log.afterCommit(w.Conn)
	}
	if w.Conn != nil && w.Conn.Broken {
		_ = w.Conn.Close()
		w.Conn, w.versionKnown = nil, false
	}
	return nil
}

// outcome returns the result of r after its transaction failed with err. A refusal that may be due
// to earlier requests in it is replaced by ErrUnavailable.
func (r *Request) outcome(err error) error {
	switch {
	case r.err == nil:
		return err
	case r.afterOthers && r.err != errNothing:
		return fmt.Errorf("%w: not done: the requests before it were not committed; try again", myvault.ErrUnavailable)
	}
	return r.err
}

// commit applies and commits the batch in one transaction. Its error applies to every request
// that was not refused.
func (w *Writer) commit(batch []*Request) error {
	if err := w.Disk.Stopped(); err != nil {
		return err // without opening a connection for each attempt
	}
	if w.Conn == nil {
		if err := w.openConn(); err != nil {
			return err
		}
	}
	applied, committing := 0, false
	err := fault.Guard(func() (err error) {
		applied, err = w.applyBatch(batch, w.applyPlain)
		if err == errPartial {
			if err = w.Conn.Rollback(); err == nil {
				applied, err = w.applyBatch(batch, w.applyInSavepoint)
			}
		}
		if err == nil && applied > 0 {
			err = w.checkFiles()
		}
		if err != nil || applied == 0 {
			w.versionKnown = false
			return errors.Join(err, w.Conn.Rollback())
		}
		committing = true
		return w.Conn.Write(`COMMIT`, nil)
	})
	if err != nil {
		w.versionKnown = false
		return w.cleanUp(err, committing)
	}
	if committing {
		w.file.overwrites.update()
		w.lastVersion, err = w.Conn.DataVersion()
		w.versionKnown = err == nil
		w.Commits.Add(1)
		w.Requests.Add(uint64(applied))
		w.AfterCommit()
	}
	return nil
}

// EnsureConn opens the writer's connection if there is none. While another process has locked the
// file it retries, until BusyTimeout has passed or ctx ends.
func (w *Writer) EnsureConn(ctx context.Context) error {
	for busy := (backoff{}); w.Conn == nil; {
		err := w.openConn()
		if !errors.Is(err, errLocked) || busy.waited > db.BusyTimeout {
			return err
		}
		if !busy.wait(ctx.Done()) {
			return ctx.Err()
		}
	}
	return nil
}

// openConn opens the writer's connection. It checks the files first: the write-ahead log of one
// database must never be applied to another.
func (w *Writer) openConn() error {
	if err := w.file.CheckFiles(); err != nil {
		return err
	}
	c, err := w.file.connect(context.Background(), db.Settings{Synchronous: w.file.Options.Synchronous, CacheKB: db.WriterCacheKB})
	if err != nil {
		return wrapLocked(fault.FromEngine(context.Background(), err))
	}
	w.Conn, w.versionKnown = c, false
	if w.log != nil { // nil before startWriter
		w.log.countPages(c)
	}
	return nil
}

// applyBatch begins a transaction and calls apply for each request. It returns the number of those
// to commit.
func (w *Writer) applyBatch(batch []*Request, apply func(*Request) (bool, error)) (applied int, err error) {
	if err := w.Conn.Write(`BEGIN IMMEDIATE`, nil); err != nil {
		return 0, wrapLocked(err)
	}
	// No other connection can write now, and DataVersion shows whether one has written before.
	if err := w.file.BeforeWrite(); err != nil {
		return 0, err
	}
	version, err := w.Conn.DataVersion()
	if err != nil {
		return 0, err
	}
	reload := !w.versionKnown || version != w.lastVersion
	if reload {
		if err := w.file.CheckSchema(w.Conn); err != nil {
			return 0, err
		}
	}
	if err := w.BeforeBatch(w.Conn, reload); err != nil {
		return 0, err
	}
	w.versionKnown = false
	if applied, err = applyAll(batch, apply); err != nil {
		return 0, err
	}
	if applied > 0 && w.BeforeCommit != nil {
		err = w.BeforeCommit(w.Conn)
	}
	return applied, err
}

// applyAll applies the requests of a batch that have not been refused, and returns how many it
// applied.
func applyAll(batch []*Request, apply func(*Request) (bool, error)) (applied int, err error) {
	for _, r := range batch {
		if r.afterOthers {
			// Decide again: another process may have written since the first attempt, and the
			// requests before this one may now be refused.
			r.err = nil
		}
		if r.err != nil {
			continue
		}
		done, err := apply(r)
		if err != nil {
			return 0, err
		}
		r.afterOthers = applied > 0 && r.err != nil
		if done {
			applied++
		}
	}
	return applied, nil
}

// applyPlain applies a request without a savepoint. Nearly all requests that fail do so before
// they write. If one has written, applyPlain returns errPartial.
func (w *Writer) applyPlain(r *Request) (applied bool, err error) {
	w.Save()
	before := w.Conn.TotalChanges()
	if err = r.Apply(w.Conn); err == nil {
		return true, nil
	}
	w.Restore()
	if w.Conn.GetAutocommit() {
		return false, err // SQLite has rolled back the whole transaction
	}
	if w.Conn.TotalChanges() != before {
		return false, errPartial
	}
	r.err = fault.FromEngine(context.Background(), err)
	return false, nil
}

// applyInSavepoint applies a request in a savepoint and rolls that back if the request fails.
func (w *Writer) applyInSavepoint(r *Request) (applied bool, err error) {
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

// cleanUp rolls back after a failed transaction, or marks the connection as broken. It returns
// the error for the callers.
func (w *Writer) cleanUp(err error, committing bool) error {
	refused := fault.HasCode(err, sqlite3.BUSY, sqlite3.FULL, sqlite3.LOCKED)
	if !refused || fault.Guard(w.Conn.Rollback) != nil {
		w.Conn.MarkBroken(err)
	}
	// The write-ahead log may contain the frames of the failed commit. After a crash, recovery
	// would apply them.
	if committing && !refused {
		return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, fault.WithAdvice(err))
	}
	return fault.FromEngine(context.Background(), err)
}
