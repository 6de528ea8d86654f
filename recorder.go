package myvault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	relaxedPending = 4096 // distinct reads waiting to be written
	refusedWindow  = time.Second
	refusedPending = 256 // distinct refusals a window; those beyond lose their address
)

// recorder brings entries to the trail: at once, or merged with equal ones.
type recorder struct {
	trail    Trail
	mode     Reads
	reads    merger
	refusals merger
}

func newRecorder(trail Trail, mode Reads) *recorder {
	r := &recorder{trail: trail, mode: mode}
	r.reads = merger{window: relaxedWindow, write: r.write, pending: make(map[entryKey]*Entry)}
	r.refusals = merger{window: refusedWindow, write: r.write, pending: make(map[entryKey]*Entry)}
	return r
}

// write records entries now. What it answers is what the caller must answer.
func (r *recorder) write(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := r.trail.Record(ctx, entries...); err != nil {
		return fmt.Errorf("%w: %w", ErrTrail, err)
	}
	return nil
}

// read records reads by the mode in force, before their answer is released.
func (r *recorder) read(ctx context.Context, entries ...Entry) error {
	if r.mode == Off || r.mode == Relaxed && r.reads.take(relaxedPending, entries...) {
		return nil
	}
	return r.write(ctx, entries...)
}

// refuse records a denial or a failure. The first of its kind is written at once; equal
// ones within a second are counted in one more, so that a flood cannot fill the trail.
// It reports no error: what it records is refused in any case.
func (r *recorder) refuse(ctx context.Context, e Entry) {
	if e, first := r.refusals.first(refusedPending, e); first {
		// The caller going away must not keep its refusal out of the trail.
		_ = r.write(context.WithoutCancel(ctx), e)
	}
}

// close writes what is pending; what is recorded later is not merged.
func (r *recorder) close() error {
	return errors.Join(r.reads.close(), r.refusals.close())
}

// merger holds entries for a window of time, equal ones as one with a count.
type merger struct {
	window time.Duration
	write  func(context.Context, ...Entry) error

	mu      sync.Mutex
	pending map[entryKey]*Entry // Count 0: the window is open, nothing to write yet
	writing int                 // entries that flush is writing; they may come back
	timer   *time.Timer         // runs while pending is not empty
	closed  bool
}

// entryKey is what makes two entries equal.
type entryKey struct {
	service, via, remote, action string
	address                      Address
	version                      Version
	outcome                      Outcome
}

func keyOf(e Entry) entryKey {
	return entryKey{e.Service, e.Via, e.Remote, e.Action, e.Address, e.Version, e.Outcome}
}

// take merges all entries, or none where more than limit would wait.
func (m *merger) take(limit int, entries ...Entry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.pending)+m.writing+len(entries) > limit {
		return false
	}
	for _, e := range entries {
		m.count(e)
	}
	return true
}

// first opens a window for e, and gives the entry to write where none was open for it.
// With limit windows open, an entry loses what tells it from others.
func (m *merger) first(limit int, e Entry) (Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return e, true
	}
	if m.pending[keyOf(e)] == nil && len(m.pending) >= limit {
		e.Address, e.Version, e.Remote, e.Request = Address{}, 0, "", ""
	}
	if m.pending[keyOf(e)] != nil {
		m.count(e)
		return e, false
	}
	opened := e
	opened.Count = 0
	m.pending[keyOf(e)] = &opened
	m.start()
	return e, true
}

// count adds e to the equal entry that waits, or makes it wait.
func (m *merger) count(e Entry) {
	waiting := m.pending[keyOf(e)]
	if waiting == nil {
		m.pending[keyOf(e)] = &e
		m.start()
		return
	}
	if waiting.Count == 0 {
		waiting.First, waiting.Request = e.First, e.Request
	}
	waiting.Count += e.Count
	waiting.At, waiting.Last = e.At, e.Last
}

func (m *merger) start() {
	if m.timer == nil && !m.closed {
		m.timer = time.AfterFunc(m.window, func() { _ = m.flush() })
	}
}

// flush ends the window and writes what was counted. On failure the entries wait on: once
// the buffer is full, take refuses.
func (m *merger) flush() error {
	m.mu.Lock()
	var entries []Entry
	for _, e := range m.pending {
		if e.Count > 0 {
			entries = append(entries, *e)
		}
	}
	clear(m.pending)
	m.writing += len(entries)
	m.timer = nil
	m.mu.Unlock()

	slices.SortFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	err := m.write(context.Background(), entries...)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing -= len(entries)
	if err != nil {
		for _, e := range entries {
			m.count(e)
		}
	}
	return err
}

func (m *merger) close() error {
	m.mu.Lock()
	m.closed = true
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	return m.flush()
}

// outcomeOf gives the outcome that an error stands for.
func outcomeOf(err error) Outcome {
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
