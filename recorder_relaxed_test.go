package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func TestRelaxedReadsMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		ctx := t.Context()
		trail := &brokenTrail{}
		provider := memory.New(memory.Config{})
		v := vaultOf(t, struct{ myvault.Provider }{provider}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
		s := v.As("root")
		_, err := s.Put(ctx, db, myvault.Text("v"))
		is.NoErr(err)
		written := len(trail.recorded())
		for range 100 {
			_, err := s.Get(ctx, db)
			is.NoErr(err)
		}
		is.Equal(len(trail.recorded()), written) // not yet
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		is.Equal(len(trail.recorded()), written+1)
		e := trail.recorded()[written]
		is.Equal(e.Count, uint64(100))
		is.Equal(e.Version, myvault.Version(1))

		_, err = s.Get(ctx, db)
		is.NoErr(err)
		is.NoErr(v.Close()) // Close writes what waits
		is.Equal(trail.recorded()[written+1].Count, uint64(1))
	})
}

// A page of values is one write already, so relaxed recording does not put it off.
func TestRelaxedPagesAreRecordedAtOnce(t *testing.T) {
	is := is.New(t)
	trail := &brokenTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
	s := v.As("root")
	for i := range 3 {
		_, err := s.Put(t.Context(), myvault.Address{Project: "p", Path: fmt.Sprint(i)}, myvault.Text("v"))
		is.NoErr(err)
	}
	page, err := s.GetPage(t.Context(), myvault.ListOptions{}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 3)
	reads := 0
	for _, e := range trail.recorded() {
		if e.Action == "read" {
			reads++
		}
	}
	is.Equal(reads, 3)
	trail.fails.Store(true)
	_, err = s.GetPage(t.Context(), myvault.ListOptions{}, 10)
	is.True(errors.Is(err, myvault.ErrTrail))
	trail.fails.Store(false)
}

// Many goroutines that read the same and different secrets: every read is counted once.
func TestRelaxedReadsLoseNoCount(t *testing.T) {
	is := is.New(t)
	trail := &brokenTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
	at := func(i int) myvault.Address { return myvault.Address{Project: "p", Path: fmt.Sprint(i)} }
	for i := range 20 {
		_, err := v.As("root").Put(t.Context(), at(i), myvault.Text("v"))
		is.NoErr(err)
	}
	const readers, each = 8, 5000
	var wait sync.WaitGroup
	var failed atomic.Int64
	for n := range readers {
		wait.Go(func() {
			for i := range each {
				if _, err := v.As("root").Get(t.Context(), at((n+i)%20)); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	is.NoErr(v.Close())
	is.Equal(failed.Load(), int64(0))
	total := uint64(0)
	for _, e := range trail.recorded() {
		if e.Action == "read" {
			total += e.Count
		}
	}
	is.Equal(total, uint64(readers*each))
}

func TestRelaxedReadsAreStrictOnceTheBufferIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		ctx := t.Context()
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
		s := v.As("root")
		const more = 16_384 + 1
		at := func(i int) myvault.Address { return myvault.Address{Project: "p", Path: fmt.Sprint(i)} }
		for i := range more {
			_, err := s.Put(ctx, at(i), myvault.Text("v"))
			is.NoErr(err)
		}
		trail.fails.Store(true)
		for i := range more - 1 {
			_, err := s.Get(ctx, at(i))
			is.NoErr(err) // relaxed: the entry waits
		}
		_, err := s.Get(ctx, at(more-1))
		is.True(errors.Is(err, myvault.ErrTrail)) // full
		var meanwhile error
		inside := func() { _, meanwhile = s.Get(ctx, at(more-1)) }
		trail.failing.Store(&inside)
		time.Sleep(time.Second)                         // writing fails, nothing is dropped
		is.True(errors.Is(meanwhile, myvault.ErrTrail)) // full also while it is being written
		_, err = s.Get(ctx, at(more-1))
		is.True(errors.Is(err, myvault.ErrTrail))
		trail.fails.Store(false)
		written := len(trail.recorded())
		time.Sleep(time.Second)
		synctest.Wait()
		is.Equal(len(trail.recorded()), written+more-1) // every one arrives
	})
}

// While the trail fails and reads go on, what waits keeps its address: only refusals may
// lose theirs.
func TestRelaxedReadsKeepTheirAddress(t *testing.T) {
	is := is.New(t)
	trail := &brokenTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
	s := v.As("root")
	const secrets = 20_000 // more than can wait
	at := func(i int) myvault.Address { return myvault.Address{Project: "p", Path: fmt.Sprint(i)} }
	for i := range secrets {
		_, err := s.Put(t.Context(), at(i), myvault.Text("v"))
		is.NoErr(err)
	}
	trail.fails.Store(true)
	var read atomic.Int64
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for i := range 10 * secrets {
				if _, err := s.Get(t.Context(), at((i+n*5000)%secrets)); err == nil {
					read.Add(1)
				}
			}
		})
	}
	readers.Wait()
	trail.fails.Store(false)
	is.NoErr(v.Close())
	counted := int64(0)
	for _, e := range trail.recorded() {
		if e.Action == "read" {
			is.True(e.Address != myvault.Address{})
			counted += int64(e.Count)
		}
	}
	is.Equal(counted, read.Load())
}

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

// A caller that leaves before its read is recorded gets nothing. That is no failure of the trail,
// which alerts operators. A caller whose deadline passed is one.
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

// stuckTrail does not finish a Record before the caller's context ends.
type stuckTrail struct{ brokenTrail }

func (*stuckTrail) Record(ctx context.Context, _ ...myvault.Entry) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestAccessEntriesEndsWithItsContext, also while the pending reads cannot be written.
func TestAccessEntriesEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v, err := myvault.New(struct{ myvault.Provider }{memory.New(memory.Config{})}, everything(t), myvault.Config{Trail: &stuckTrail{}, Reads: myvault.ReadsRelaxed})
		is.NoErr(err)
		x := extensionOf(t, v)
		is.NoErr(first(v.As("root").List(t.Context(), myvault.ListOptions{}))) // pending
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		is.True(errors.Is(first(x.AccessEntries(ctx, 0)), context.DeadlineExceeded))
	})
}

// TestAFailedLoginIsNotHeldUpByClose: then its entry is written at once, and a trail may block.
func TestAFailedLoginIsNotHeldUpByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v, err := myvault.New(struct{ myvault.Provider }{memory.New(memory.Config{})}, everything(t), myvault.Config{Trail: &stuckTrail{}})
		is.NoErr(err)
		x := extensionOf(t, v)
		is.NoErr(v.Close())
		err = x.RecordFailedLogin(t.Context(), "capability", myvault.Credentials{Service: "root"})
		is.True(errors.Is(err, myvault.ErrUnauthenticated))
	})
}
