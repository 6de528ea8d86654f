package hashivault

import (
	"context"
	"errors"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

const (
	settleTime  = 10 * time.Second // how long the outcome of a change is looked for
	settlePause = 100 * time.Millisecond
	graceTime   = time.Second // the same, once the caller has gone
	settleDepth = 8           // versions looked at for an unconditional write
)

// write stores a record as the next version if the current version is cas, or whatever it
// is for anyVersion; else cluster.ErrMismatch. A write whose answer is lost is never just repeated:
// the change key tells whether a version is this one. ErrUnknownOutcome where that cannot be found out.
func (s *Store) write(ctx context.Context, key string, data any, change string, cas int64) (myvault.Version, error) {
	return s.settled(ctx, key, change, cas, func(ctx context.Context) (written, error) {
		return s.kv.put(ctx, key, data, cas)
	})
}

// settled is write for any way to send the change. An answer that may belong to another request
// counts as lost.
func (s *Store) settled(ctx context.Context, key, change string, cas int64, send func(context.Context) (written, error)) (myvault.Version, error) {
	w, err := send(ctx)
	u := cluster.Uncertain{}
	switch {
	case err == nil && s.made(ctx, w, key, change, cas):
		return myvault.Version(w.Version), nil
	case err == nil:
		u.Cause = errUnproven
	case errors.As(err, &u):
	case errors.As(err, new(refused)):
		return s.despite(ctx, err, key, change, cas)
	default:
		return 0, err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	for {
		n, found, err := s.find(ctx, key, change, cas)
		switch {
		case found:
			return n, nil
		case errors.Is(err, cluster.ErrMismatch):
			return 0, err
		case errors.Is(err, errMarked):
			return 0, unknown(err)
		case err == nil && cas == anyVersion:
			// It may still be on its way, and nothing holds it off.
			return 0, unknown(u.Cause)
		case err == nil:
			// On this condition one of the two can be made and never both.
			w, err = send(ctx)
			if err == nil && s.made(ctx, w, key, change, cas) {
				return myvault.Version(w.Version), nil
			}
		}
		if !pause(ctx) {
			return 0, unknown(u.Cause)
		}
	}
}

// despite returns the version that the change made although Vault's answer is a refusal, which then
// was the answer to another request; else that refusal.
func (s *Store) despite(ctx context.Context, refusal error, key, change string, cas int64) (myvault.Version, error) {
	n, found, err := s.find(ctx, key, change, cas)
	switch {
	case found:
		return n, nil
	case errors.Is(err, myvault.ErrTampered):
		return 0, unknown(err)
	}
	return 0, refusal
}

// errUnproven is the cause if an answer to a write does not show that this write was made.
var errUnproven = errors.New("the answer does not name the record that was written")

// find looks for the version that the change made.
func (s *Store) find(ctx context.Context, key, change string, cas int64) (myvault.Version, bool, error) {
	if cas == anyVersion {
		return s.findAny(ctx, key, change)
	}
	return s.findNext(ctx, key, change, cas)
}

// findNext looks whether the version that follows cas is the one of this change. cluster.ErrMismatch
// where it is another's; not found where there is none yet.
func (s *Store) findNext(ctx context.Context, key, change string, cas int64) (myvault.Version, bool, error) {
	n := myvault.Version(cas + 1)
	r, m, err := s.kv.look(ctx, key, n)
	switch {
	case err != nil || m == nil:
		return 0, false, err
	case r == nil:
		return 0, false, errMarked // it was made and marked since; by whom it was made is not to be seen
	case r.Change.String() == change:
		return n, true, nil
	}
	return 0, false, cluster.ErrMismatch
}

var errMarked = errors.New("the version was deleted since")

// findAny looks for the change among the newest versions.
func (s *Store) findAny(ctx context.Context, key, change string) (myvault.Version, bool, error) {
	r, m, err := s.kv.look(ctx, key, newest)
	for range settleDepth {
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
		r, m, err = s.kv.look(ctx, key, n-1)
	}
	return 0, false, nil
}

// repeated makes a change that nobody can take back, and makes it again until it is
// answered: once more of it undoes nothing.
func (s *Store) repeated(ctx context.Context, change func(context.Context) error) error {
	err := change(ctx)
	u := cluster.Uncertain{}
	if !errors.As(err, &u) {
		return err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	for pause(ctx) {
		if change(ctx) == nil {
			return nil
		}
	}
	return unknown(u.Cause)
}

// seen makes a change that others can take back. Vault's answer to it names nothing, so the effect
// is looked for in any case. The change is sent once. If its effect is not there, it was not made,
// or made and taken back; making it again would then undo an acknowledged change of another
// process. done reports whether the effect is there.
func (s *Store) seen(ctx context.Context, change func(context.Context) error, done func(context.Context) (bool, error)) error {
	err := change(ctx)
	u := cluster.Uncertain{Cause: errNotSeen}
	if err != nil && !errors.As(err, &u) {
		return err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	for {
		made, err := done(ctx)
		switch {
		case err == nil && made:
			return nil
		case err == nil || !pause(ctx):
			return unknown(u.Cause)
		}
	}
}

// errNotSeen is the cause if Vault says that a change was made, and its effect is not there.
var errNotSeen = errors.New("vault answered, but the change is not to be seen")

// settling gives a context to find out an outcome in, for a little longer than the caller
// waits: whoever has gone is better served by a change that is known to be made or not.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(graceTime, cancel) })
	return detached, func() { stop(); cancel() }
}

// pause waits a moment; false where the context ends first.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(settlePause):
		return true
	}
}
