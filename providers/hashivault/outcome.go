package hashivault

import (
	"context"
	"errors"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

const (
	outcomeTimeout  = 10 * time.Second // for finding out whether a change was made
	canceledTimeout = time.Second      // the same, after the caller has gone
	outcomeInterval = 100 * time.Millisecond
	outcomeDepth    = 8 // versions searched for an unconditional write
)

// write stores a record as the next version if the current version is cas, otherwise it returns
// ErrMismatch; with anyVersion there is no condition. If the answer to a write is lost, it is
// not just sent again: the change member shows which version, if any, the write made. If that
// cannot be found out, the error is ErrUnknownOutcome.
func (s *Store) write(ctx context.Context, key string, data any, change string, cas int64) (myvault.Version, error) {
	return s.writeBy(ctx, key, change, cas, func(ctx context.Context) (written, error) {
		return s.kv.put(ctx, key, data, cas)
	})
}

// writeBy is write for any way to send the change. An answer that may belong to another request
// counts as lost.
func (s *Store) writeBy(ctx context.Context, key, change string, cas int64, send func(context.Context) (written, error)) (myvault.Version, error) {
	w, err := send(ctx)
	u := cluster.Uncertain{}
	switch {
	case err == nil && s.confirmWrite(ctx, w, key, change, cas):
		return myvault.Version(w.Version), nil
	case err == nil:
		u.Cause = errUnproven
	case errors.As(err, &u):
	case errors.As(err, new(refused)):
		return s.madeDespite(ctx, err, key, change, cas)
	default:
		return 0, err
	}
	ctx, cancel := outcomeContext(ctx)
	defer cancel()
	for {
		n, found, err := s.find(ctx, key, change, cas)
		switch {
		case found:
			return n, nil
		case errors.Is(err, cluster.ErrMismatch):
			return 0, err
		case errors.Is(err, errDeleted):
			return 0, unknown(err)
		case err == nil && cas == anyVersion:
			// It may still arrive, and no condition would prevent it.
			return 0, unknown(u.Cause)
		case err == nil:
			// With this condition at most one of the two can be made.
			w, err = send(ctx)
			if err == nil && s.confirmWrite(ctx, w, key, change, cas) {
				return myvault.Version(w.Version), nil
			}
		}
		if !pause(ctx) {
			return 0, unknown(u.Cause)
		}
	}
}

// madeDespite returns the version that a change made although Vault's answer is a refusal,
// which then was the answer to another request. If there is none, it returns the refusal.
func (s *Store) madeDespite(ctx context.Context, refusal error, key, change string, cas int64) (myvault.Version, error) {
	n, found, err := s.find(ctx, key, change, cas)
	switch {
	case found:
		return n, nil
	case errors.Is(err, myvault.ErrTampered):
		return 0, unknown(err)
	}
	return 0, refusal
}

var (
	errUnproven   = errors.New("the answer does not name the record that was written")
	errDeleted    = errors.New("the version was deleted since")
	errNotVisible = errors.New("vault confirmed the change, but its effect is not visible")
)

// find returns the version that a change made.
func (s *Store) find(ctx context.Context, key, change string, cas int64) (myvault.Version, bool, error) {
	if cas == anyVersion {
		return s.findAny(ctx, key, change)
	}
	return s.findNext(ctx, key, change, cas)
}

// findNext reports whether the change made the version after cas. If another change did, it
// returns ErrMismatch.
func (s *Store) findNext(ctx context.Context, key, change string, cas int64) (myvault.Version, bool, error) {
	n := myvault.Version(cas + 1)
	r, m, err := s.kv.stat(ctx, key, n)
	switch {
	case err != nil || m == nil:
		return 0, false, err
	case r == nil:
		return 0, false, errDeleted // the answer does not show which change made it
	case r.Change.String() == change:
		return n, true, nil
	}
	return 0, false, cluster.ErrMismatch
}

// findAny searches the newest versions for the change.
func (s *Store) findAny(ctx context.Context, key, change string) (myvault.Version, bool, error) {
	r, m, err := s.kv.stat(ctx, key, newest)
	for range outcomeDepth {
		if err != nil || m == nil {
			return 0, false, err
		}
		n := myvault.Version(m.Version)
		if r != nil && r.Change.String() == change {
			return n, true, nil
		}
		if n == 1 {
			return 0, false, nil
		}
		r, m, err = s.kv.stat(ctx, key, n-1)
	}
	return 0, false, nil
}

// repeat makes a change that is harmless to repeat, until it is answered.
func (s *Store) repeat(ctx context.Context, change func(context.Context) error) error {
	err := change(ctx)
	u := cluster.Uncertain{}
	if !errors.As(err, &u) {
		return err
	}
	ctx, cancel := outcomeContext(ctx)
	defer cancel()
	for pause(ctx) {
		if change(ctx) == nil {
			return nil
		}
	}
	return unknown(u.Cause)
}

// sendOnce makes a change that others can undo. Vault's answer to it has no name, so visible
// looks for the effect in any case. If the effect is not visible, the change was not made, or
// was made and undone. To send it again could undo an acknowledged change of another process.
func (s *Store) sendOnce(ctx context.Context, change func(context.Context) error, visible func(context.Context) (bool, error)) error {
	err := change(ctx)
	u := cluster.Uncertain{Cause: errNotVisible}
	if err != nil && !errors.As(err, &u) {
		return err
	}
	ctx, cancel := outcomeContext(ctx)
	defer cancel()
	for {
		made, err := visible(ctx)
		switch {
		case err == nil && made:
			return nil
		case err == nil || !pause(ctx):
			return unknown(u.Cause)
		}
	}
}

// outcomeContext returns a context for finding out an outcome. It outlives ctx by
// canceledTimeout, so that fewer changes end as unknown.
func outcomeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTimeout)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(canceledTimeout, cancel) })
	return detached, func() { stop(); cancel() }
}

// pause waits for outcomeInterval. It reports false if ctx ends first.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(outcomeInterval):
		return true
	}
}
