package hashivault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// Vault cannot write a secret on the condition that its project is registered. So a writer
// relies on having seen the registration for presenceTTL, counted from before it was read until
// after the secret was written. Beyond that it looks again. A deleter first sets the state to
// deleting, waits until no writer relies on an earlier state, checks that the project is empty,
// and only then deletes it. This costs a deletion more than half a second, and a write nothing
// if another of the same project was made shortly before.
const (
	presenceTTL = 500 * time.Millisecond
	deleteDelay = presenceTTL + presenceTTL/5 // clocks do not run equally fast
)

// presence records when a project was seen registered.
type presence struct {
	project string // empty: needs no registration
	since   time.Time
}

func (p presence) olderThan(limit time.Duration) bool { return elapsed(p.since) > limit }

// elapsed returns the time since then, by the clock that has advanced further: one of them
// stops while the machine sleeps.
func elapsed(since time.Time) time.Duration {
	return max(time.Since(since), time.Now().Round(0).Sub(since.Round(0)))
}

func (r *projects) remember(name string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= myvault.MaxProjects {
		clear(r.known)
	}
	if r.known[name].Before(since) {
		r.known[name] = since
	}
}

func (r *projects) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, name)
}

// present returns the presence of a project, or false if it was not seen registered recently.
func (r *projects) present(name string) (presence, bool) {
	if reserved(name) {
		return presence{}, true
	}
	r.mu.Lock()
	since, found := r.known[name]
	r.mu.Unlock()
	p := presence{project: name, since: since}
	return p, found && !p.olderThan(presenceTTL/2)
}

// prefetch starts to read the registration of a project. wait waits for the result. An error
// shows later, when the project is needed.
func (r *projects) prefetch(ctx context.Context, name string) (wait func()) {
	if _, ok := r.present(name); ok {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if p, err := r.read(ctx, name); err == nil && p.State == registered && p.version > 0 {
			r.remember(name, p.since)
		}
	}()
	return func() { <-done }
}

// ensure returns the presence of the project, and registers it if necessary. It returns
// ErrTooLarge if there would be too many.
func (r *projects) ensure(ctx context.Context, name string, who author) (presence, error) {
	if p, ok := r.present(name); ok {
		return p, nil
	}
	return r.register(ctx, name, who, true)
}

// confirm is called after a write made a secret live. If p is too old, it makes sure that the
// project is registered, even if that is one too many.
func (r *projects) confirm(ctx context.Context, p presence, who author) error {
	if p.project == "" || !p.olderThan(presenceTTL) {
		return nil
	}
	_, err := r.register(context.WithoutCancel(ctx), p.project, who, false)
	return err
}

func (r *projects) register(ctx context.Context, name string, who author, limited bool) (presence, error) {
	unlock, err := r.locks.lock(ctx, name)
	if err != nil {
		return presence{}, err
	}
	defer unlock()
	if p, ok := r.present(name); ok && limited {
		return p, nil // by another caller, while this one waited
	}
	for {
		p, err := r.read(ctx, name)
		switch {
		case err != nil:
			return presence{}, err
		case p.exists() && p.State == registered:
			r.remember(name, p.since)
			return presence{project: name, since: p.since}, nil
		case p.exists():
			p.State = registered // a caller that is deleting it has to start again
			p, err = r.write(ctx, name, p)
		case limited:
			err = r.createLimited(ctx, name, "", who, p)
		default:
			_, err = r.create(ctx, name, "", who, p)
		}
		if p, ok := r.present(name); ok && err == nil {
			return p, nil
		}
		if err != nil && !errors.Is(err, cluster.ErrMismatch) {
			return presence{}, err
		}
		if err := ctx.Err(); err != nil {
			return presence{}, err
		}
	}
}

// remove deletes a project that has no live secret. Callers of this process that would register
// it wait for its lock.
func (r *projects) remove(ctx context.Context, name string) error {
	unlock, err := r.locks.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		err := r.tryRemove(ctx, name)
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// tryRemove returns ErrMismatch if another writer changed the registration meanwhile.
func (r *projects) tryRemove(ctx context.Context, name string) error {
	p, err := r.read(ctx, name)
	if err != nil {
		return err
	}
	if !p.exists() {
		return myvault.ErrNotFound
	}
	if err := r.checkEmpty(ctx, name); err != nil {
		return err
	}
	p.State = deleting
	if p, err = r.write(ctx, name, p); err != nil {
		return err
	}
	select {
	case <-time.After(deleteDelay):
		err = r.checkEmpty(ctx, name)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		// Without this it would still count as registered. It only spares the next Put a write.
		p.State = registered
		if _, failed := r.write(context.WithoutCancel(ctx), name, p); failed != nil && !errors.Is(failed, cluster.ErrMismatch) {
			return errors.Join(err, fmt.Errorf("and its registration was not restored: %w", failed))
		}
		return err
	}
	p.State = deleted
	_, err = r.write(ctx, name, p)
	if err == nil {
		r.forget(name)
	}
	return err
}

// checkEmpty returns ErrNotEmpty if the project has a live secret.
func (r *projects) checkEmpty(ctx context.Context, name string) error {
	for info, err := range r.store.walk(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: name}}) {
		if err != nil {
			return err
		}
		if info.State == myvault.Live {
			return myvault.ErrNotEmpty
		}
	}
	return nil
}
