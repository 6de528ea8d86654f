package hashivault

import (
	"context"
	"errors"
	"time"

	"github.com/myswiftagent/myvault"
)

const (
	settleTime  = 10 * time.Second // how long the outcome of a change is looked for
	settlePause = 100 * time.Millisecond
	graceTime   = time.Second // the same, once the caller has gone
	settleDepth = 8           // versions looked at for an unconditional write
)

// write stores a record as the next version if the current version is cas, or whatever it
// is for anyVersion; else errMismatch. A write whose answer is lost is never just repeated:
// the change key tells whether a version is this one. ErrUnknownOutcome where that cannot be found out.
func (s *Store) write(ctx context.Context, key string, data any, change string, cas int64) (myvault.Version, error) {
	return s.settled(ctx, key, change, cas, func(ctx context.Context) (myvault.Version, error) {
		return s.kv.put(ctx, key, data, cas)
	})
}

// settled is write for any way to send the change.
func (s *Store) settled(ctx context.Context, key, change string, cas int64, send func(context.Context) (myvault.Version, error)) (myvault.Version, error) {
	n, err := send(ctx)
	u := uncertain{}
	if !errors.As(err, &u) {
		return n, err
	}
	ctx, cancel := settling(ctx)
	defer cancel()
	for {
		var found bool
		if cas == anyVersion {
			n, found, err = s.findAny(ctx, key, change)
		} else {
			n, found, err = s.findNext(ctx, key, change, cas)
		}
		switch {
		case found:
			return n, nil
		case errors.Is(err, errMismatch):
			return 0, err
		case errors.Is(err, errMarked):
			return 0, unknown(err)
		case err == nil && cas == anyVersion:
			// It may still be on its way, and nothing holds it off.
			return 0, unknown(u.cause)
		case err == nil:
			// On this condition one of the two can be made and never both.
			n, err = send(ctx)
			if err == nil {
				return n, nil
			}
		}
		if !pause(ctx) {
			return 0, unknown(u.cause)
		}
	}
}

// findNext looks whether the version that follows cas is the one of this change. errMismatch
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
	return 0, false, errMismatch
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
	u := uncertain{}
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
	return unknown(u.cause)
}

// seen makes a change that others can take back. It is sent once: where its effect is
// not there, it was not made, or made and taken back, and then making it again would undo what
// another process was told. done reports whether the effect is there.
func (s *Store) seen(ctx context.Context, change func(context.Context) error, done func(context.Context) (bool, error)) error {
	err := change(ctx)
	u := uncertain{}
	if !errors.As(err, &u) {
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
			return unknown(u.cause)
		}
	}
}

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
