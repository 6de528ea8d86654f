package semaphore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/internal/semaphore"
)

func Example() {
	large := semaphore.New(16)
	if err := large.Acquire(context.Background(), "newsbot"); err != nil {
		fmt.Println(err)
		return
	}
	defer large.Release("newsbot")
	fmt.Println("the request may continue")
	// Output: the request may continue
}

// TestQuota checks that one service gets a quarter of the slots, and others the rest.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		s := semaphore.New(8)
		for range 2 {
			is.NoErr(s.Acquire(t.Context(), "greedy"))
		}
		is.True(s.Acquire(t.Context(), "greedy") != nil) // after a timeout
		for n := range 6 {
			is.NoErr(s.Acquire(t.Context(), fmt.Sprint("other-", n)))
		}
		is.True(s.Acquire(t.Context(), "late") != nil) // all slots are in use
		s.Release("greedy")
		is.NoErr(s.Acquire(t.Context(), "late"))
	})
}

// TestCanceledAcquire checks that a canceled call keeps no slot.
func TestCanceledAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		s := semaphore.New(1)
		is.NoErr(s.Acquire(t.Context(), "a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		is.True(errors.Is(s.Acquire(ctx, "b"), context.DeadlineExceeded))
		s.Release("a")
		is.NoErr(s.Acquire(t.Context(), "b"))
	})
}
