package hashivault

import (
	"context"
	"iter"
	"sync"
)

// atOnce is how many requests one listing makes at the same time.
const atOnce = 16

// ordered runs f on 0 to n-1, several at once and a few ahead of the loop body, and yields
// the results in order. It ends after the first error. When the loop is
// left, what runs ahead is cancelled and waited for.
func ordered[R any](ctx context.Context, n int, f func(context.Context, int) (R, error)) iter.Seq2[R, error] {
	type result struct {
		value R
		err   error
	}
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var results [atOnce]chan result // of i at i%atOnce
		started := 0
		start := func() {
			done := make(chan result, 1)
			i := started
			results[i%atOnce] = done
			started++
			running.Go(func() {
				value, err := f(ctx, i)
				done <- result{value, err}
			})
		}
		for i := range n {
			for started < n && started < i+atOnce {
				start()
			}
			r := <-results[i%atOnce]
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}
