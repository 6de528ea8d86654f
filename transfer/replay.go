package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/pattern"
)

// placeholder is the value of a destroyed version until it is destroyed in the target.
const placeholder = "destroyed before it was copied"

// maxAttempts is how often one secret is tried without progress if an outcome is unknown, a store
// is unavailable, or another writer got in between. Pauses double from 100 ms.
const maxAttempts = 6

// permanent is an error that retrying cannot fix; only retry sees it.
type permanent struct{ error }

// transient reports whether a retry may succeed.
func transient(err error) bool {
	for _, kind := range []error{myvault.ErrUnknownOutcome, myvault.ErrUnavailable, myvault.ErrConflict, myvault.ErrExists, myvault.ErrNotFound, myvault.ErrNotEmpty} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// retry calls f until it succeeds, fails permanently, or has failed maxAttempts times in a row
// without progress. steps is the number of changes f made before it failed.
func retry(ctx context.Context, f func() (steps int, err error)) error {
	pause := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		steps, err := f()
		if steps > 0 {
			attempt, pause = 1, 100*time.Millisecond
		}
		if final, ok := err.(permanent); ok {
			return final.error
		}
		if err == nil || !transient(err) || attempt == maxAttempts {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// replay makes one secret of the target equal to that of the source.
func (c *copier) replay(ctx context.Context, addr myvault.Address) error {
	r := replayer{copier: c, addr: addr}
	return retry(ctx, func() (int, error) {
		r.steps = 0
		err := r.once(ctx)
		return r.steps, err
	})
}

// replayer copies one secret, in one or more attempts.
type replayer struct {
	*copier
	addr  myvault.Address
	steps int // changes that this attempt made
	// uncertain lists versions whose destroy had an unknown outcome: their bytes may still be on
	// the target's disk.
	uncertain []myvault.Version
}

func (r *replayer) once(ctx context.Context) error {
	infos, err := r.src.versions(ctx, r.addr)
	if err != nil {
		return err
	}
	if r.early(infos) {
		return nil
	}
	want := expected(infos, r.lost[r.addr])
	have, err := r.dst.versions(ctx, r.addr)
	if err != nil {
		return err
	}
	changes, reason := catchUp(have, want)
	if reason != "" {
		return permanent{fmt.Errorf("%w: %s", myvault.ErrConflict, reason)}
	}
	changes = append(changes, r.again(have)...)
	for _, change := range changes {
		if err := r.mark(ctx, change); err != nil {
			return err
		}
	}
	for secret, err := range r.src.values(ctx, infos, len(have)) {
		if err != nil {
			return err
		}
		before := myvault.Info{}
		if n := int(secret.Version); n > 1 {
			before = want[n-2]
		}
		if err := r.put(ctx, before, want[secret.Version-1], secret.Value); err != nil {
			return err
		}
		r.steps++
		r.progress.version()
	}
	return nil
}

// early reports whether a secret belongs to a project that was not registered when the copy
// started. Its first version would register the project with another time and author, so the
// secret is left to the next run.
func (r *replayer) early(infos []myvault.Info) bool {
	return len(infos) == 0 || infos[len(infos)-1].State == myvault.Live && !r.registered[r.addr.Project] && !pattern.IsReserved(r.addr.Project)
}

// again returns a change that destroys the uncertain versions once more.
func (r *replayer) again(have []myvault.Info) []myvault.Change {
	var versions []myvault.Version
	for _, v := range r.uncertain {
		if int(v) <= len(have) && have[v-1].State == myvault.Destroyed {
			versions = append(versions, v)
		}
	}
	if versions == nil {
		return nil
	}
	return []myvault.Change{{Op: myvault.OpDestroy, Address: r.addr, Versions: versions}}
}

// mark makes a change that is no put. Its author and time in the source are not known.
func (r *replayer) mark(ctx context.Context, change myvault.Change) error {
	_, err := r.commit(ctx, r.own(change))
	r.track(change, err)
	if err == nil {
		r.steps++
	}
	return err
}

// track remembers the versions of a destroy whose outcome is unknown.
func (r *replayer) track(change myvault.Change, err error) {
	switch {
	case change.Op != myvault.OpDestroy:
	case errors.Is(err, myvault.ErrUnknownOutcome):
		r.uncertain = append(r.uncertain, change.Versions...)
	case err == nil:
		r.uncertain = slices.DeleteFunc(r.uncertain, func(v myvault.Version) bool { return slices.Contains(change.Versions, v) })
	}
}

// put writes the next version as it is in the source, with its state.
func (r *replayer) put(ctx context.Context, before, want myvault.Info, value myvault.Value) error {
	condition := myvault.IfAbsent()
	if before.State == myvault.Live {
		condition = myvault.IfVersion(before.Version)
	}
	changes := []myvault.Change{{Op: myvault.OpPut, Address: r.addr, Value: value, If: condition, Expires: want.Expires, RotateAfter: want.RotateAfter}}
	switch want.State {
	case myvault.Deleted:
		changes = append(changes, myvault.Change{Op: myvault.OpDelete, Address: r.addr})
	case myvault.Destroyed:
		changes[0].Value = myvault.Text(placeholder)
		changes = append(changes, myvault.Change{Op: myvault.OpDestroy, Address: r.addr, Versions: []myvault.Version{want.Version}})
	}
	if changes[0].Value.Len() == 0 {
		return errChanged // the survey could read it
	}
	infos, err := r.commit(ctx, myvault.Commit{Changes: changes, By: want.By, At: want.At})
	r.track(changes[len(changes)-1], err)
	if err == nil && infos[0].Version != want.Version {
		return permanent{fmt.Errorf("%w: the target made version %d in place of %d; no one else may write there", myvault.ErrConflict, infos[0].Version, want.Version)}
	}
	return err
}

// expected returns the history that the target must get: unreadable versions are destroyed.
func expected(infos []myvault.Info, lost []myvault.Version) []myvault.Info {
	want := slices.Clone(infos)
	for _, v := range lost {
		if int(v) <= len(want) {
			want[v-1].State = myvault.Destroyed
		}
	}
	return want
}

// catchUp returns the changes that move the versions of the target to their state in the
// source, or the reason why have is no earlier state of want.
func catchUp(have, want []myvault.Info) (changes []myvault.Change, reason string) {
	if len(have) > len(want) {
		return nil, "the target has more versions than the source"
	}
	var destroy []myvault.Version
	for i, h := range have {
		w, current := want[i], i == len(have)-1
		if !sameVersion(h, w) {
			return nil, fmt.Sprintf("version %d of the target has another author or time", h.Version)
		}
		switch {
		case h.State == w.State:
		case w.State == myvault.Destroyed:
			destroy = append(destroy, h.Version)
		case h.State == myvault.Destroyed:
			return nil, fmt.Sprintf("version %d is destroyed in the target and not in the source", h.Version)
		case !current:
			return nil, fmt.Sprintf("version %d is %s in the target and %s in the source, and a later version exists", h.Version, h.State, w.State)
		case w.State == myvault.Live:
			changes = append(changes, myvault.Change{Op: myvault.OpUndelete, Address: h.Address})
		default:
			changes = append(changes, myvault.Change{Op: myvault.OpDelete, Address: h.Address})
		}
	}
	if destroy != nil {
		changes = append(changes, myvault.Change{Op: myvault.OpDestroy, Address: have[0].Address, Versions: destroy})
	}
	return changes, ""
}
