package transfer

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
)

// found is an address of one of two listings, or of both.
type found struct {
	addr          myvault.Address
	first, second bool
}

// merged yields what two rising listings hold, in order, each address once.
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

// cursor is a place in a listing.
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

// result is what work made of an item.
type result[T any] struct {
	value T
	err   error
}

// ordered does work on every item, on up to n at a time, and hands the results to take in the
// order of the items. The first error ends it, once what has begun has ended.
func ordered[In, Out any](ctx context.Context, n int, items iter.Seq2[In, error],
	work func(context.Context, In) (Out, error), take func(Out) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan result[Out], n-1) // with the one that is waited for, n
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
			r.err = take(r.value)
		}
		if failed == nil && r.err != nil {
			failed = r.err
			cancel()
		}
	}
	if failed == nil {
		failed = ctx.Err() // it ended before the items did
	}
	return failed
}
