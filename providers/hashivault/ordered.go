package hashivault

import (
	"context"
	"iter"
	"sync"
)

// atOnce is how many requests one listing makes at the same time.
const atOnce = 16

// ordered runs f on the items, several at once and a few ahead of the loop body, and yields
// what it gives in the order of the items. It ends after the first error. When the loop is
// left, what runs ahead is cancelled and waited for.
func ordered[T, R any](ctx context.Context, items []T, f func(context.Context, T) (R, error)) iter.Seq2[R, error] {
	type result struct {
		value R
		err   error
	}
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make([]chan result, 0, len(items))
		start := func() {
			done := make(chan result, 1)
			item := items[len(results)]
			results = append(results, done)
			running.Go(func() {
				value, err := f(ctx, item)
				done <- result{value, err}
			})
		}
		for i := range items {
			for len(results) < len(items) && len(results) <= i+atOnce-1 {
				start()
			}
			r := <-results[i]
			results[i] = nil
			if !yield(r.value, r.err) || r.err != nil {
				return
			}
		}
	}
}
