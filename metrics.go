package myvault

import (
	"context"
	"sync/atomic"
	"time"
)

// Metric is one number about a vault, its provider or its trail. It contains no name of a secret,
// project or service.
type Metric struct {
	Name    string  // letters, digits and _, the same in every process: "cache_hits_total"
	Help    string  // one line
	Counter bool    // it only grows, from 0 at opening; otherwise it is a gauge
	Value   float64 // NaN if it is unknown now
}

// Instrumented is a source of metrics: a provider, a trail or a [Vault]. Package metrics exports
// them to Prometheus.
type Instrumented interface {
	// Metrics returns the same names at every call. An unknown Value is NaN.
	Metrics(ctx context.Context) []Metric
}

// counts has the numbers of denials, of failed authentications and of failed writes of the trail.
type counts struct{ denied, unauthenticated, trailFailures atomic.Uint64 }

// add counts a failure by its outcome.
func (c *counts) add(o Outcome) {
	switch o {
	case OutcomeDenied:
		c.denied.Add(1)
	case OutcomeUnauthenticated:
		c.unauthenticated.Add(1)
	}
}

// Metrics returns what the vault has counted since it was made, and what its provider and its
// trail count if they are [Instrumented].
func (v *Vault) Metrics(ctx context.Context) []Metric {
	r := v.recorder
	pending := r.reads.Pending() + r.failures.Pending() + r.overflow.Pending()
	var lag time.Duration
	if oldest := oldestOf(r.reads.Oldest(), r.failures.Oldest()); !oldest.IsZero() {
		lag = max(0, time.Since(oldest))
	}
	all := []Metric{
		{"denied_total", "Calls that the policy refused.", true, float64(r.counts.denied.Load())},
		{"unauthenticated_total", "Failed log-ins, and calls of sessions that have ended.", true, float64(r.counts.unauthenticated.Load())},
		{"trail_failures_total", "Times that entries of the trail could not be written.", true, float64(r.counts.trailFailures.Load())},
		{"trail_waiting_entries", "Entries of the trail that are not written yet.", false, float64(pending)},
		{"trail_lag_seconds", "How long the oldest entry that is not written yet has waited. Failures beyond the budget, which wait up to 10 seconds, are not counted.", false, lag.Seconds()},
	}
	if m, ok := v.provider.(Instrumented); ok {
		all = append(all, m.Metrics(ctx)...)
	}
	if m, ok := v.trail.(Instrumented); ok && !v.ownTrail {
		all = append(all, m.Metrics(ctx)...)
	}
	return all
}

// oldestOf returns the earlier of two times. Zero is none.
func oldestOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
