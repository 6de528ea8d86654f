// Package parallel runs calls at the same time and returns their results in order.
package parallel

import (
	"context"
	"iter"
	"sync"
)

// Limit is the number of calls that Map runs at the same time.
const Limit = 16

// Map calls f with 0 to n-1, up to Limit at a time, and yields the results in order. It stops
// after the first error. When the loop ends, calls in progress are canceled and waited for.
func Map[R any](ctx context.Context, n int, f func(context.Context, int) (R, error)) iter.Seq2[R, error] {
	type result struct {
		value R
		err   error
	}
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var results [Limit]chan result // of call i at i%Limit
		started := 0
		start := func() {
			done := make(chan result, 1)
			i := started
			results[i%Limit] = done
			started++
			running.Go(func() {
				value, err := f(ctx, i)
				done <- result{value, err}
			})
		}
		for i := range n {
			for started < n && started < i+Limit {
				start()
			}
			r := <-results[i%Limit]
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}
