package myvault

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/myswiftagent/myvault/internal/coalesce"
)

// Reads is how reads and listings are recorded in the trail. Denials and changes are always
// recorded.
type Reads uint8

// The modes of recording reads.
const (
	// ReadsStrict writes the entry before the value is returned. If that fails, the read returns
	// ErrTrail.
	ReadsStrict Reads = iota
	// ReadsRelaxed merges equal reads within 50 ms into one entry with a count, written afterwards.
	// Its buffer is bounded; while it is full, reads are strict.
	ReadsRelaxed
	// ReadsOff records no reads.
	ReadsOff
)

const (
	relaxedWindow  = 50 * time.Millisecond
	relaxedPending = 16_384 // distinct reads
	failureWindow  = time.Second
	failurePending = 256              // distinct failures; further ones lose their details
	failureQuota   = 64               // of those, of one service, and of all failed log-ins together
	overflowWindow = 10 * time.Second // of failures beyond the budget, which lose their details too
)

// recorder writes entries to the trail, at once or merged with equal ones.
type recorder struct {
	trail    Trail
	mode     Reads
	reads    *entryBuffer
	failures *entryBuffer
	overflow *entryBuffer // of failures beyond the budget of their owner
	budgets  budgets
	counts   counts
}

func newRecorder(trail Trail, mode Reads) *recorder {
	r := &recorder{trail: trail, mode: mode}
	r.reads = r.newBuffer(relaxedWindow, relaxedPending, 0)
	r.failures = r.newBuffer(failureWindow, failurePending, failureQuota)
	r.overflow = r.newBuffer(overflowWindow, failurePending, 0)
	return r
}

// write records entries now. Its error is the one for the caller.
func (r *recorder) write(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := r.trail.Record(ctx, entries...); err != nil {
		// A canceled caller is no failure of the trail. One whose deadline passed is.
		if !errors.Is(err, context.Canceled) || ctx.Err() == nil {
			r.counts.trailFailures.Add(1)
		}
		return fmt.Errorf("%w: %w", ErrTrail, err)
	}
	return nil
}

// read records a read as the mode requires, before its result is returned.
func (r *recorder) read(ctx context.Context, e Entry) error {
	if event := eventOf(&e); r.deferRead(&event) {
		return nil
	}
	return r.write(ctx, e)
}

// deferRead reports whether a read needs no entry now: it is never recorded, or it is buffered.
func (r *recorder) deferRead(e *entryEvent) bool {
	return r.mode == ReadsOff || r.mode == ReadsRelaxed && r.reads.Add(e)
}

// readAll records the reads of a page. They are one write already, so they are not merged.
func (r *recorder) readAll(ctx context.Context, entries []Entry) error {
	if r.mode == ReadsOff {
		return nil
	}
	return r.write(ctx, entries...)
}

// recordFailure records a denial or another failure. The first of its kind is written at once.
// Equal ones within a second are counted in a second entry, so that a flood cannot fill the trail.
// Beyond the budget of its owner it is counted in an entry without details every ten seconds. An
// error is not returned, because the caller's request has failed already.
func (r *recorder) recordFailure(ctx context.Context, e Entry) {
	r.counts.add(e.Outcome)
	buffer, e := r.chooseBuffer(e, 2)
	event := eventOf(&e)
	if !buffer.Begin(&event) {
		return
	}
	// Record the failure even if the caller has left, but do not block it for long.
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = afterwards(ctx)
		defer cancel()
	}
	if err := r.write(ctx, e); err != nil {
		buffer.AddAlways(&event)
	}
}

// chooseBuffer returns the buffer for a failure, and the entry with the details that the budget
// allows. Times is how many entries the failure may cost.
func (r *recorder) chooseBuffer(e Entry, times int) (*entryBuffer, Entry) {
	if r.failures.Has(eventOf(&e).Key) {
		return r.failures, e
	}
	if r.failures.Full(eventOf(&e).Key) {
		e = e.general()
		if r.failures.Has(eventOf(&e).Key) {
			return r.failures, e
		}
	}
	if r.budgets.spend(&e, times) {
		return r.failures, e
	}
	e = e.general()
	if e.Outcome == OutcomeUnauthenticated {
		e.Service, e.Via = "", "" // one entry for all unknown callers
	}
	return r.overflow, e
}

// recordFailureLater records a failure within a second, never at once. The time until the answer
// must not reveal whether it is the first of its kind, or of a known service.
func (r *recorder) recordFailureLater(ctx context.Context, e Entry) {
	r.counts.add(e.Outcome)
	buffer, e := r.chooseBuffer(e, 1)
	if event := eventOf(&e); !buffer.AddAlways(&event) {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		_ = r.write(ctx, e) // the vault is being closed
	}
}

// afterwards returns a context for an entry that is written even if the caller has left. It ends
// soon in case the trail blocks.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
}

// close writes what is pending. Later entries are not merged.
func (r *recorder) close() error {
	return errors.Join(r.reads.Close(), r.failures.Close(), r.overflow.Close())
}

// entryKey is what equal entries have in common.
type entryKey struct {
	service, via, remote, action string
	outcome                      Outcome
	addr                         Address
	version                      Version
}

type (
	entryEvent  = coalesce.Event[entryKey]
	entryBuffer = coalesce.Buffer[entryKey]
)

func (r *recorder) newBuffer(window time.Duration, limit, quota int64) *entryBuffer {
	return coalesce.New(coalesce.Config[entryKey]{
		Window: window, Limit: limit, Quota: quota, Owner: entryKey.owner,
		Hash: func(seed maphash.Seed, k entryKey) uint64 {
			return maphash.Comparable(seed, k.addr) + uint64(k.version)
		},
		Write: func(ctx context.Context, events []entryEvent) error {
			entries := make([]Entry, len(events))
			for i := range events {
				entries[i] = entryOf(&events[i])
			}
			return r.write(ctx, entries...)
		},
	})
}

// owner returns the service whose quota the entry counts against. Callers that fail to log in can
// claim to be any service, so all of them share one quota.
func (k entryKey) owner() string {
	if k.outcome == OutcomeUnauthenticated {
		return ""
	}
	return k.service
}

// eventOf returns an entry that was not written yet as an event.
func eventOf(e *Entry) entryEvent {
	key := entryKey{e.Service, e.Via, e.Remote, e.Action, e.Outcome, e.Address, e.Version}
	return entryEvent{Key: key, Detail: e.Request, Count: e.Count, First: e.First.UnixMicro(), Last: e.Last.UnixMicro()}
}

func entryOf(e *entryEvent) Entry {
	k, last := e.Key, time.UnixMicro(e.Last).UTC()
	return Entry{
		At: last, Service: k.service, Via: k.via, Request: e.Detail, Remote: k.remote, Action: k.action, Address: k.addr,
		Version: k.version, Outcome: k.outcome, Count: e.Count, First: time.UnixMicro(e.First).UTC(), Last: last,
	}
}

// general returns e without the details that few entries share.
func (e Entry) general() Entry {
	e.Address, e.Version, e.Remote, e.Request = Address{}, 0, "", ""
	return e
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
	case is(ErrGenerator): // before its cause is looked at
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
