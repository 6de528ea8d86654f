// Package measure times several ways of doing the same work. They take turns, round after round,
// so that other load on the machine affects all of them alike. It keeps the figures of every
// round, for medians, spreads and ratios within a round.
package measure

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Candidate is one way of doing the work.
type Candidate struct {
	Name string
	// Round does the work once and returns its figures, always the same number in the same order.
	Round func() ([]float64, error)
}

// Result holds one candidate's figures of each round.
type Result struct {
	Name   string
	rounds [][]float64
}

// Rounds runs every candidate for one warm-up round and then for the given number of rounds. Each
// round starts with a different candidate. The garbage collector runs before each candidate.
// Rounds stops at the first error, or when ctx is done.
func Rounds(ctx context.Context, rounds int, candidates []Candidate) ([]Result, error) {
	results := make([]Result, len(candidates))
	for round := range rounds + 1 {
		for i := range candidates {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			at := (i + round) % len(candidates)
			c := candidates[at]
			runtime.GC()
			figures, err := c.Round()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			results[at].Name = c.Name
			if round > 0 {
				results[at].rounds = append(results[at].rounds, figures)
			}
		}
	}
	return results, nil
}

// Of returns the figure with the given index, of all rounds.
func (r Result) Of(figure int) Samples {
	s := make(Samples, len(r.rounds))
	for i, figures := range r.rounds {
		s[i] = figures[figure]
	}
	return s
}

// Samples is one figure of each round.
type Samples []float64

// Over returns the ratio of s to other for each round.
func (s Samples) Over(other Samples) Samples {
	ratios := make(Samples, min(len(s), len(other)))
	for i := range ratios {
		ratios[i] = s[i] / other[i]
	}
	return ratios
}

// Median returns the median, or NaN if s is empty.
func (s Samples) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Op is one operation: the n-th of a caller. Both count from 0.
type Op func(caller, n int) error

// PerSecond runs op in callers goroutines for d and returns the total rate. It first warms up for
// a quarter of d, because the other candidates have filled the processor's caches meanwhile.
func PerSecond(d time.Duration, callers int, op Op) (float64, error) {
	next := make([]int, callers)
	if _, err := repeat(d/4, next, op); err != nil {
		return 0, err
	}
	before := sum(next)
	elapsed, err := repeat(d, next, op)
	return float64(sum(next)-before) / elapsed.Seconds(), err
}

// repeat has each caller run op for d, at least once. Caller i starts at next[i] and advances it.
func repeat(d time.Duration, next []int, op Op) (time.Duration, error) {
	return runCallers(d, len(next), func(caller int, over *atomic.Bool) error {
		n := next[caller]
		for first := true; first || !over.Load(); first = false {
			if err := op(caller, n); err != nil {
				return err
			}
			n++
		}
		next[caller] = n
		return nil
	})
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

// Latencies has one caller run op for d and returns the given quantiles of the latency, in
// seconds: 0.5 is the median, 0.99 the 99th percentile.
func Latencies(d time.Duration, op Op, quantiles ...float64) ([]float64, error) {
	return LatenciesOf(d, 1, op, quantiles...)
}

// LatenciesOf is Latencies with several callers at once, and the quantiles of all calls.
func LatenciesOf(d time.Duration, callers int, op Op, quantiles ...float64) ([]float64, error) {
	of := make([][]time.Duration, callers)
	_, err := runCallers(d, callers, func(caller int, over *atomic.Bool) error {
		for n := 0; n == 0 || !over.Load(); n++ {
			begin := time.Now()
			if err := op(caller, n); err != nil {
				return err
			}
			of[caller] = append(of[caller], time.Since(begin))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	each := slices.Concat(of...)
	slices.Sort(each)
	figures := make([]float64, len(quantiles))
	for i, q := range quantiles {
		figures[i] = each[int(q*float64(len(each)-1))].Seconds()
	}
	return figures, nil
}

// runCallers runs work in callers goroutines and sets over after d. It returns the time until the
// last one ended.
func runCallers(d time.Duration, callers int, work func(caller int, over *atomic.Bool) error) (time.Duration, error) {
	var over atomic.Bool
	var all sync.WaitGroup
	errs := make([]error, callers)
	begin := time.Now()
	timer := time.AfterFunc(d, func() { over.Store(true) })
	defer timer.Stop()
	for caller := range callers {
		all.Go(func() { errs[caller] = work(caller, &over) })
	}
	all.Wait()
	elapsed := time.Since(begin)
	for _, err := range errs {
		if err != nil {
			return elapsed, err
		}
	}
	return elapsed, nil
}

// Allocations returns the average number of allocations of a call of op, provided that no other
// goroutine allocates.
func Allocations(calls int, op Op) (float64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range calls {
		if err := op(0, n); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(calls), nil
}
