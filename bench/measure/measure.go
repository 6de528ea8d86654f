// Package measure times several ways of doing the same work in turn, round after round, so
// that what else runs on the machine meets all of them alike. It gives every round's
// figures: medians with their spread, and ratios taken within a round.
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

// Contestant is one way of doing the work.
type Contestant struct {
	Name string
	// Round does the work once more and gives its figures, always as many in the same order.
	Round func() ([]float64, error)
}

// Result is what one contestant reached in each round.
type Result struct {
	Name   string
	rounds [][]float64
}

// Rounds lets every contestant do an unmeasured round, and then rounds measured ones, all in
// turn. Each round begins with another contestant, and each measurement with an empty
// garbage heap. The first error ends it, and so does ctx.
func Rounds(ctx context.Context, rounds int, contestants []Contestant) ([]Result, error) {
	results := make([]Result, len(contestants))
	for round := range rounds + 1 {
		for i := range contestants {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			at := (i + round) % len(contestants)
			c := contestants[at]
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

// Of gives one of the figures, over all rounds.
func (r Result) Of(figure int) Samples {
	s := make(Samples, len(r.rounds))
	for i, figures := range r.rounds {
		s[i] = figures[figure]
	}
	return s
}

// Samples is one figure of each round.
type Samples []float64

// Over gives the ratios to another's figures, each within its round.
func (s Samples) Over(other Samples) Samples {
	ratios := make(Samples, min(len(s), len(other)))
	for i := range ratios {
		ratios[i] = s[i] / other[i]
	}
	return ratios
}

// Median gives the middle one; NaN where there is none.
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

// Op is one piece of work: the n-th of a caller, both counted from 0.
type Op func(caller, n int) error

// PerSecond has callers do op at the same time for d, and gives how many they did
// together in a second. Before that they do it for a quarter of d, unmeasured: those who had
// their turn since have filled the caches of the processor with something else.
func PerSecond(d time.Duration, callers int, op Op) (float64, error) {
	next := make([]int, callers)
	if _, err := repeat(d/4, next, op); err != nil {
		return 0, err
	}
	before := sum(next)
	elapsed, err := repeat(d, next, op)
	return float64(sum(next)-before) / elapsed.Seconds(), err
}

// repeat has each caller do op for d, but at least once, from its next number on.
func repeat(d time.Duration, next []int, op Op) (time.Duration, error) {
	return together(d, len(next), func(caller int, over *atomic.Bool) error {
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

// Latencies has one caller do op for d, and gives how long the given shares of the calls
// took at most, in seconds: 0.5 is the median, 0.99 what one in a hundred exceeds.
func Latencies(d time.Duration, op Op, shares ...float64) ([]float64, error) {
	var each []time.Duration
	_, err := together(d, 1, func(caller int, over *atomic.Bool) error {
		for n := 0; n == 0 || !over.Load(); n++ {
			begin := time.Now()
			if err := op(caller, n); err != nil {
				return err
			}
			each = append(each, time.Since(begin))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(each)
	figures := make([]float64, len(shares))
	for i, share := range shares {
		figures[i] = each[int(share*float64(len(each)-1))].Seconds()
	}
	return figures, nil
}

// together runs work in callers goroutines, tells them when d is over, and gives the time
// until the last one ended.
func together(d time.Duration, callers int, work func(caller int, over *atomic.Bool) error) (time.Duration, error) {
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

// Allocations gives how many times a call of op allocates, on average, if nothing else runs.
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
