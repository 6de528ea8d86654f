package hashivault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// Vault cannot write a secret on the condition that its project is registered. So whoever
// deletes a project says so in the register first, waits until nobody relies any more on
// having seen it registered, looks whether it is empty, and only then deletes it. Whoever
// writes a secret relies on what was read of the register for holdTime, counted from before it was read to
// after the secret was written; beyond that it is read again. It costs a deletion
// half a second, and a write nothing as long as others of the same project are near.
const (
	holdTime   = 500 * time.Millisecond
	deleteWait = holdTime + holdTime/5 // clocks do not run equally fast
)

// hold is the reason why a project counts as registered.
type hold struct {
	project string // empty: needs no registration
	since   time.Time
}

func (h hold) over(limit time.Duration) bool { return elapsed(h.since) > limit }

// elapsed is the time since then, by the clock that has moved further: one of them stands still
// while the machine sleeps.
func elapsed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}

func (r *register) remember(name string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= myvault.MaxProjects {
		clear(r.known)
	}
	if r.known[name].Before(since) {
		r.known[name] = since
	}
}

func (r *register) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, name)
}

// fresh gives the hold on a project that was seen registered a moment ago.
func (r *register) fresh(name string) (hold, bool) {
	if reserved(name) {
		return hold{}, true
	}
	r.mu.Lock()
	since, found := r.known[name]
	r.mu.Unlock()
	h := hold{project: name, since: since}
	return h, found && !h.over(holdTime/2)
}

// lookAhead begins to read the registration of a project, beside what the caller does until
// it calls wait. What goes wrong shows when the project is needed.
func (r *register) lookAhead(ctx context.Context, name string) (wait func()) {
	if _, ok := r.fresh(name); ok {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if e, err := r.read(ctx, name); err == nil && e.State == registered && e.version > 0 {
			r.remember(name, e.since)
		}
	}()
	return func() { <-done }
}

// ensure gives a hold on the project, and registers it where it is not. ErrTooLarge where
// that would be one too many.
func (r *register) ensure(ctx context.Context, name string, who author) (hold, error) {
	if h, ok := r.fresh(name); ok {
		return h, nil
	}
	return r.enrol(ctx, name, who, true)
}

// confirm makes sure, after a secret came to life, that its project is registered. It is
// registered again, be it one too many, where it was deleted in between.
func (r *register) confirm(ctx context.Context, h hold, who author) error {
	if h.project == "" || !h.over(holdTime) {
		return nil
	}
	_, err := r.enrol(context.WithoutCancel(ctx), h.project, who, false)
	return err
}

func (r *register) enrol(ctx context.Context, name string, who author, limited bool) (hold, error) {
	unlock, err := r.locks.lock(ctx, name)
	if err != nil {
		return hold{}, err
	}
	defer unlock()
	if h, ok := r.fresh(name); ok && limited {
		return h, nil // by another caller, while this one waited
	}
	for {
		e, err := r.read(ctx, name)
		switch {
		case err != nil:
			return hold{}, err
		case e.exists() && e.State == registered:
			r.remember(name, e.since)
			return hold{project: name, since: e.since}, nil
		case e.exists():
			e.State = registered // whoever is deleting it has to begin again
			e, err = r.write(ctx, name, e)
		case limited:
			err = r.createAdmitted(ctx, name, "", who, e)
		default:
			_, err = r.create(ctx, name, "", who, e)
		}
		if h, ok := r.fresh(name); ok && err == nil {
			return h, nil
		}
		if err != nil && !errors.Is(err, cluster.ErrMismatch) {
			return hold{}, err
		}
		if err := ctx.Err(); err != nil {
			return hold{}, err
		}
	}
}

// remove deletes a project that has no live secret. It holds the lock of the project, so
// that in this process whoever would register it waits.
func (r *register) remove(ctx context.Context, name string) error {
	unlock, err := r.locks.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		err := r.removeOnce(ctx, name)
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// removeOnce gives cluster.ErrMismatch where somebody else changed the registration meanwhile.
func (r *register) removeOnce(ctx context.Context, name string) error {
	e, err := r.read(ctx, name)
	if err != nil {
		return err
	}
	if !e.exists() {
		return myvault.ErrNotFound
	}
	if err := r.empty(ctx, name); err != nil {
		return err
	}
	e.State = leaving
	if e, err = r.write(ctx, name, e); err != nil {
		return err
	}
	select {
	case <-time.After(deleteWait):
		err = r.empty(ctx, name)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		// Left as it is it still counts as registered; this only spares the next Put a write.
		e.State = registered
		if _, failed := r.write(context.WithoutCancel(ctx), name, e); failed != nil && !errors.Is(failed, cluster.ErrMismatch) {
			return errors.Join(err, fmt.Errorf("and the register was not tidied: %w", failed))
		}
		return err
	}
	e.State = gone
	_, err = r.write(ctx, name, e)
	if err == nil {
		r.forget(name)
	}
	return err
}

// empty gives ErrNotEmpty where the project has a live secret.
func (r *register) empty(ctx context.Context, name string) error {
	for info, err := range r.store.walk(ctx, myvault.Range{Prefix: myvault.Prefix{Project: name}}) {
		if err != nil {
			return err
		}
		if info.State == myvault.Live {
			return myvault.ErrNotEmpty
		}
	}
	return nil
}
