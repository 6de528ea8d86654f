package myvault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reads says how reads and listings enter the trail. Denials and changes are always recorded.
type Reads uint8

// The modes of recording reads.
const (
	// Strict writes the entry before the value is released; the read fails with
	// ErrTrail where that is not possible.
	Strict Reads = iota
	// Relaxed merges equal reads within 50 ms into one entry with a count, written
	// afterwards. Its buffer is bounded; while it is full, reads are strict.
	Relaxed
	// Off records no reads.
	Off
)

const (
	relaxedWindow  = 50 * time.Millisecond
	relaxedPending = 16_384 // distinct reads waiting to be written
	refusedWindow  = time.Second
	refusedPending = 256              // distinct refusals a window; those beyond lose their address
	refusedShare   = 64               // of them, those of one service, and of all who failed to log in
	overflowWindow = 10 * time.Second // of refusals beyond the budget, which lose their details too
)

// recorder brings entries to the trail: at once, or merged with equal ones.
type recorder struct {
	trail    Trail
	mode     Reads
	reads    *merger
	refusals *merger
	overflow *merger // of refusals beyond the budget of their holder
	budgets  budgets
	tally    tally
}

func newRecorder(trail Trail, mode Reads) *recorder {
	r := &recorder{trail: trail, mode: mode}
	r.reads = newMerger(relaxedWindow, relaxedPending, r.write)
	r.refusals = newMerger(refusedWindow, refusedPending, r.write)
	r.refusals.share = refusedShare
	r.overflow = newMerger(overflowWindow, refusedPending, r.write)
	return r
}

// write records entries now. What it answers is what the caller must answer.
func (r *recorder) write(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := r.trail.Record(ctx, entries...); err != nil {
		// A caller who has left says nothing about the trail. One who waited too long does.
		if !errors.Is(err, context.Canceled) || ctx.Err() == nil {
			r.tally.failures.Add(1)
		}
		return fmt.Errorf("%w: %w", ErrTrail, err)
	}
	return nil
}

// read records a read by the mode in force, before its answer is released.
func (r *recorder) read(ctx context.Context, e Entry) error {
	w, h := partsOf(&e)
	if r.settled(&w, &h) {
		return nil
	}
	return r.write(ctx, e)
}

// settled reports whether nothing is to be written for a read, now at least.
func (r *recorder) settled(w *who, h *held) bool {
	return r.mode == Off || r.mode == Relaxed && r.reads.take(w, h)
}

// readAll records the reads of a page, which are one write already: there is nothing to
// gain from merging them.
func (r *recorder) readAll(ctx context.Context, entries []Entry) error {
	if r.mode == Off {
		return nil
	}
	return r.write(ctx, entries...)
}

// refuse records a denial or a failure. The first of its kind is written at once; equal
// ones within a second are counted in one more, so that a flood cannot fill the trail. Beyond the
// budget of its holder it is counted in an entry without details every ten seconds.
// It reports no error: what it records is refused in any case.
func (r *recorder) refuse(ctx context.Context, e Entry) {
	r.tally.refused(e.Outcome)
	m, e := r.admit(e, 2)
	e, first := m.first(e)
	if !first {
		return
	}
	// A caller that has left must not keep its refusal out of the trail, nor wait for a trail that
	// is held.
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = afterwards(ctx)
		defer cancel()
	}
	if err := r.write(ctx, e); err != nil {
		m.later(e)
	}
}

// admit returns the merger for a refusal, and the entry with the details that the budget allows.
// times is how many entries the refusal may cost.
func (r *recorder) admit(e Entry, times int) (*merger, Entry) {
	e, waits := r.refusals.fit(e)
	if waits || r.budgets.spend(&e, times) {
		return r.refusals, e
	}
	e = e.general()
	if e.Outcome == OutcomeUnauthenticated {
		e.Service, e.Via = "", "" // one entry for all who are not known
	}
	return r.overflow, e
}

// refuseLater records a failure within a second, never at once: how long the answer takes
// must not tell whether this is the first of its kind, or of a known service.
func (r *recorder) refuseLater(e Entry) {
	r.tally.refused(e.Outcome)
	m, e := r.admit(e, 1)
	if !m.later(e) {
		_ = r.write(context.Background(), e) // the vault is being closed: now or never
	}
}

// afterwards returns a context for an entry that is written even if the caller has left. It ends
// soon if the trail is held.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
}

// close writes what is pending; what is recorded later is not merged.
func (r *recorder) close() error {
	return errors.Join(r.reads.close(), r.refusals.close(), r.overflow.close())
}

// OutcomeOf returns the outcome that a trail entry records for err.
func OutcomeOf(err error) Outcome {
	is := func(kinds ...error) bool {
		for _, kind := range kinds {
			if errors.Is(err, kind) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return OutcomeOK
	case is(ErrGenerator): // whatever its own error wraps
		return OutcomeError
	case is(ErrDenied):
		return OutcomeDenied
	case is(ErrUnauthenticated):
		return OutcomeUnauthenticated
	case is(ErrNotFound):
		return OutcomeNotFound
	case is(ErrExists, ErrConflict, ErrDestroyed, ErrNotEmpty, ErrTooLarge, errors.ErrUnsupported):
		return OutcomeRefused
	case is(ErrUnknownOutcome):
		return OutcomeUnknown
	}
	return OutcomeError
}
