package transfer

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
)

// found is an address that the first listing, the second or both have.
type found struct {
	addr          myvault.Address
	first, second bool
}

// merged yields the addresses of two ascending listings, in order, each once.
func merged(a, b iter.Seq2[myvault.Address, error]) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		first, second := newCursor(a), newCursor(b)
		defer first.stop()
		defer second.stop()
		for first.more || second.more {
			if err := first.err; err != nil {
				yield(found{}, err)
				return
			}
			if err := second.err; err != nil {
				yield(found{}, err)
				return
			}
			f := found{addr: first.addr, first: first.more, second: second.more}
			if first.more && second.more {
				order := first.addr.Compare(second.addr)
				f.first, f.second = order <= 0, order >= 0
			}
			if !f.first {
				f.addr = second.addr
			}
			if !yield(f, nil) {
				return
			}
			if f.first {
				first.step()
			}
			if f.second {
				second.step()
			}
		}
	}
}

// cursor is a position in a listing.
type cursor struct {
	addr myvault.Address
	err  error
	more bool
	next func() (myvault.Address, error, bool)
	stop func()
}

func newCursor(listing iter.Seq2[myvault.Address, error]) *cursor {
	c := &cursor{}
	c.next, c.stop = iter.Pull2(listing)
	c.step()
	return c
}

func (c *cursor) step() { c.addr, c.err, c.more = c.next() }

// result is the result of one item.
type result[T any] struct {
	value T
	err   error
}

// ordered calls work for every item, up to n at a time, and passes the results to collect in the
// order of the items. It returns the first error, once all started work has ended.
func ordered[In, Out any](ctx context.Context, n int, items iter.Seq2[In, error],
	work func(context.Context, In) (Out, error), collect func(Out) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan result[Out], n-1) // the receiver holds one more
	go func() {
		defer close(queue)
		for item, err := range items {
			done := make(chan result[Out], 1)
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			if err != nil {
				done <- result[Out]{err: err}
				return
			}
			go func() {
				value, err := work(ctx, item)
				done <- result[Out]{value, err}
			}()
		}
	}()
	var failed error
	for done := range queue {
		r := <-done
		if failed == nil && r.err == nil {
			r.err = collect(r.value)
		}
		if failed == nil && r.err != nil {
			failed = r.err
			cancel()
		}
	}
	if failed == nil {
		failed = ctx.Err() // canceled before the last item
	}
	return failed
}
