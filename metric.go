package myvault

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Metric is one number that a vault, its provider or its trail counts about itself. It says
// nothing of what is stored: no name of a secret, project or service stands in it.
type Metric struct {
	Name    string  // letters, digits and _, the same in every process: "cache_hits_total"
	Help    string  // one line for people
	Counter bool    // it only grows, from 0 when it was opened; else it goes up and down
	Value   float64 // NaN where it cannot be told now
}

// Instrumented is a provider or a trail that counts. The package metrics brings what it counts to Prometheus.
type Instrumented interface {
	// Metrics gives the same names at every call. The Value of what cannot be told now is NaN.
	Metrics(ctx context.Context) []Metric
}

// tally counts what a recorder meets.
type tally struct{ denied, unauthenticated, failures atomic.Uint64 }

// refused counts a refusal by its outcome.
func (t *tally) refused(o Outcome) {
	switch o {
	case OutcomeDenied:
		t.denied.Add(1)
	case OutcomeUnauthenticated:
		t.unauthenticated.Add(1)
	}
}

// Metrics returns what the vault has counted since it was made, and what its provider and its
// trail count if they are [Instrumented].
func (v *Vault) Metrics(ctx context.Context) []Metric {
	r := v.recorder
	pending := r.reads.waiting.Load() + r.refusals.waiting.Load() + r.overflow.waiting.Load()
	var lag time.Duration
	if oldest := oldestOf(r.reads.oldest(), r.refusals.oldest()); !oldest.IsZero() {
		lag = max(0, time.Since(oldest))
	}
	all := []Metric{
		{"denied_total", "Calls that the policy refused.", true, float64(r.tally.denied.Load())},
		{"unauthenticated_total", "Failed log-ins, and calls of sessions that have ended.", true, float64(r.tally.unauthenticated.Load())},
		{"trail_failures_total", "Times that entries of the trail could not be written.", true, float64(r.tally.failures.Load())},
		{"trail_waiting_entries", "Entries of the trail that are not written yet.", false, float64(pending)},
		{"trail_lag_seconds", "How long the oldest entry that is not written yet has waited.", false, lag.Seconds()},
	}
	if m, ok := v.provider.(Instrumented); ok {
		all = append(all, m.Metrics(ctx)...)
	}
	if m, ok := v.trail.(Instrumented); ok && !v.ownTrail {
		all = append(all, m.Metrics(ctx)...)
	}
	return all
}

// Ready reports whether requests should be sent to this vault: the store answers, the trail can be
// written as far as its last attempts tell, and the policy has a service. ErrClosed,
// ErrUnavailable or ErrTrail, ErrInvalid for a policy without a service. It writes nothing.
func (v *Vault) Ready(ctx context.Context) error {
	err := v.Ping(ctx)
	if trail, ok := v.trail.(interface{ Ping(context.Context) error }); err == nil && ok && !v.ownTrail {
		err = trail.Ping(ctx)
	}
	if err == nil && len(v.Policy().Services()) == 0 {
		err = fmt.Errorf("%w policy: it has no service", ErrInvalid)
	}
	return fail("ready", Address{}, err)
}

// oldest gives the time of the oldest entry that waits; zero where none does.
func (m *merger) oldest() (oldest time.Time) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for h := range s.all {
			if h.count > 0 {
				oldest = oldestOf(oldest, time.UnixMicro(h.first))
			}
		}
		s.mu.Unlock()
	}
	return oldest
}

// oldestOf gives the earlier of two times, of which each may be zero for none.
func oldestOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
