package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// placeholder stands for the value of a destroyed version until it is destroyed again.
const placeholder = "destroyed before it was copied"

// tries is how often one secret is begun anew, without getting on, where the outcome of a change
// is unknown, the store does not answer, or somebody was faster. The pauses between double, from
// a tenth of a second.
const tries = 6

// settled is an error that reading again cannot mend; only retry sees it.
type settled struct{ error }

// transient reports whether reading again may help.
func transient(err error) bool {
	for _, kind := range []error{myvault.ErrUnknownOutcome, myvault.ErrUnavailable, myvault.ErrConflict, myvault.ErrExists, myvault.ErrNotFound, myvault.ErrNotEmpty} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// retry calls f until it succeeds, fails for good, or has failed often enough in a row. steps
// counts what f got done before it failed.
func retry(ctx context.Context, f func() (steps int, err error)) error {
	pause := 100 * time.Millisecond
	for try := 1; ; try++ {
		steps, err := f()
		if steps > 0 {
			try, pause = 1, 100*time.Millisecond
		}
		if final, ok := err.(settled); ok {
			return final.error
		}
		if err == nil || !transient(err) || try == tries {
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

// replay brings one secret of the target to where that of the source is, from wherever it is.
func (c *copier) replay(ctx context.Context, addr myvault.Address) error {
	r := replayer{copier: c, addr: addr}
	return retry(ctx, func() (int, error) {
		r.steps = 0
		err := r.once(ctx)
		return r.steps, err
	})
}

// replayer is the work on one secret, over several tries.
type replayer struct {
	*copier
	addr  myvault.Address
	steps int // that this try got done
	// doubted are destroyed versions whose bytes may still be on the target's disk.
	doubted []myvault.Version
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
		return settled{fmt.Errorf("%w: %s", myvault.ErrConflict, reason)}
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

// early reports whether a secret came to life in a project that was not registered when the
// copy began. Its first version would register the project in the target as made by itself, so
// it is left to the next run.
func (r *replayer) early(infos []myvault.Info) bool {
	return len(infos) == 0 || infos[len(infos)-1].State == myvault.Live && !r.registered[r.addr.Project] && !internalProject(r.addr.Project)
}

// again gives a destroy of those versions whose destroying ended in doubt.
func (r *replayer) again(have []myvault.Info) []myvault.Change {
	var versions []myvault.Version
	for _, v := range r.doubted {
		if int(v) <= len(have) && have[v-1].State == myvault.Destroyed {
			versions = append(versions, v)
		}
	}
	if versions == nil {
		return nil
	}
	return []myvault.Change{{Op: myvault.OpDestroy, Address: r.addr, Versions: versions}}
}

// mark makes a change that is no put. Who made it in the source, and when, is not known.
func (r *replayer) mark(ctx context.Context, change myvault.Change) error {
	_, err := r.commit(ctx, r.own(change))
	r.doubt(change, err)
	if err == nil {
		r.steps++
	}
	return err
}

func (r *replayer) doubt(change myvault.Change, err error) {
	switch {
	case change.Op != myvault.OpDestroy:
	case errors.Is(err, myvault.ErrUnknownOutcome):
		r.doubted = append(r.doubted, change.Versions...)
	case err == nil:
		r.doubted = slices.DeleteFunc(r.doubted, func(v myvault.Version) bool { return slices.Contains(change.Versions, v) })
	}
}

// put makes the next version as it was made in the source, and brings it to its state.
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
		return errMoved // it could be read when the copy began
	}
	infos, err := r.commit(ctx, myvault.Commit{Changes: changes, By: want.By, At: want.At})
	r.doubt(changes[len(changes)-1], err)
	if err == nil && infos[0].Version != want.Version {
		return settled{fmt.Errorf("%w: the target made version %d in place of %d; nobody else may write there", myvault.ErrConflict, infos[0].Version, want.Version)}
	}
	return err
}

// expected gives the history that the target gets: what is lost is destroyed.
func expected(infos []myvault.Info, lost []myvault.Version) []myvault.Info {
	want := slices.Clone(infos)
	for _, v := range lost {
		if int(v) <= len(want) {
			want[v-1].State = myvault.Destroyed
		}
	}
	return want
}

// catchUp gives the changes that bring the versions the target has to their state in the
// source, or the reason why they are not an earlier state of the same history.
func catchUp(have, want []myvault.Info) (changes []myvault.Change, reason string) {
	if len(have) > len(want) {
		return nil, "the target has more versions than the source"
	}
	var destroy []myvault.Version
	for i, h := range have {
		w, current := want[i], i == len(have)-1
		if !sameVersion(h, w) {
			return nil, fmt.Sprintf("version %d of the target is of another author or time", h.Version)
		}
		switch {
		case h.State == w.State:
		case w.State == myvault.Destroyed:
			destroy = append(destroy, h.Version)
		case h.State == myvault.Destroyed:
			return nil, fmt.Sprintf("version %d is destroyed in the target and not in the source", h.Version)
		case !current:
			return nil, fmt.Sprintf("version %d is %s in the target and %s in the source, and another one follows", h.Version, h.State, w.State)
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
