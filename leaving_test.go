package myvault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// leavingTrail is a trail whose caller leaves while it records.
type leavingTrail struct {
	myvault.NoTrail
	leave func()
}

func (l *leavingTrail) Record(ctx context.Context, _ ...myvault.Entry) error {
	l.leave()
	<-ctx.Done()
	return ctx.Err()
}

// A caller who leaves before its read is on record gets nothing, and is no failure of the trail, for which
// operators are woken. One who has waited for it too long is.
func TestWhoLeavesIsNoFailureOfTheTrail(t *testing.T) {
	is := is.New(t)
	trail := &leavingTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
	read := func(ctx context.Context) {
		_, err := v.As("root").ListPage(ctx, myvault.ListOptions{}, 1)
		is.True(errors.Is(err, myvault.ErrTrail))
		is.True(errors.Is(err, ctx.Err()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	trail.leave = cancel
	read(ctx)
	is.Equal(metric(t, v, "trail_failures_total"), 0.0)
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	trail.leave = func() {}
	read(late)
	is.Equal(metric(t, v, "trail_failures_total"), 1.0)
}
