package coalesce_test

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/coalesce"
)

// sink collects what a buffer writes, or fails with err.
type sink struct {
	mu      sync.Mutex
	err     error
	written []coalesce.Event[string]
}

func (s *sink) write(_ context.Context, events []coalesce.Event[string]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.written = append(s.written, events...)
	}
	return s.err
}

func newBuffer(s *sink, limit, quota int64) *coalesce.Buffer[string] {
	return coalesce.New(coalesce.Config[string]{
		Window: time.Second, Limit: limit, Quota: quota, Write: s.write,
		Owner: func(key string) string { return key[:1] },
		Hash:  func(maphash.Seed, string) uint64 { return 1 }, // all keys collide
	})
}

func event(key, detail string, at int64) *coalesce.Event[string] {
	return &coalesce.Event[string]{Key: key, Detail: detail, Count: 1, First: at, Last: at}
}

func TestEqualEventsAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		s := &sink{}
		b := newBuffer(s, 2, 0)
		is.True(b.Add(event("a", "first", 5)))
		is.True(b.Add(event("b", "", 6)))
		is.True(b.Add(event("a", "second", 7))) // full, but it is pending
		is.True(!b.Add(event("c", "", 8)))
		is.True(b.Full("c") && b.Has("a") && !b.Has("c"))
		is.True(b.AddAlways(event("c", "", 8)))
		is.Equal(b.Oldest(), time.UnixMicro(5))
		is.Equal(b.Pending(), int64(3))
		time.Sleep(time.Second)
		synctest.Wait()
		is.Equal(s.written, []coalesce.Event[string]{
			{Key: "b", Count: 1, First: 6, Last: 6}, {Key: "a", Detail: "first", Count: 2, First: 5, Last: 7}, {Key: "c", Count: 1, First: 8, Last: 8},
		})
		is.Equal(b.Pending(), int64(0))
		is.True(b.Oldest().IsZero())
		is.NoErr(b.Close())
		is.True(!b.Add(event("a", "", 9))) // it would never be written
		is.True(b.Begin(event("a", "", 9)))
	})
}

// TestBegin: the caller writes the first event of a window, and the buffer those that follow.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		s := &sink{}
		b := newBuffer(s, 10, 1)
		is.True(b.Begin(event("a", "first", 1)))
		is.True(b.Full("a2") && !b.Full("b")) // the quota of one owner
		is.True(b.Oldest().IsZero())          // nothing to write
		time.Sleep(time.Second)
		synctest.Wait()
		is.Equal(len(s.written), 0)
		is.True(b.Begin(event("a", "again", 2)))
		is.True(!b.Begin(event("a", "third", 3)))
		is.True(!b.Begin(event("a", "fourth", 4)))
		is.NoErr(b.Close())
		is.Equal(s.written, []coalesce.Event[string]{{Key: "a", Detail: "third", Count: 2, First: 3, Last: 4}})
	})
}

// TestEventsThatCannotBeWrittenStayPending and count against the limit.
func TestEventsThatCannotBeWrittenStayPending(t *testing.T) {
	is := is.New(t)
	s := &sink{err: errors.New("the disk is full")}
	b := newBuffer(s, 1, 0)
	is.True(b.Add(event("a", "", 1)))
	is.Equal(b.Flush(t.Context()), s.err)
	is.True(b.Has("a") && !b.Add(event("b", "", 2)))
	is.True(b.Add(event("a", "", 3)))
	s.err = nil
	is.NoErr(b.Close())
	is.Equal(s.written, []coalesce.Event[string]{{Key: "a", Count: 2, First: 1, Last: 3}})
}

// TestFlushEndsWithItsContext while another one writes.
func TestFlushEndsWithItsContext(t *testing.T) {
	is := is.New(t)
	writing, finish := make(chan struct{}), make(chan struct{})
	b := coalesce.New(coalesce.Config[string]{
		Window: time.Hour, Limit: 2, Hash: func(maphash.Seed, string) uint64 { return 1 },
		Write: func(context.Context, []coalesce.Event[string]) error { close(writing); <-finish; return nil },
	})
	is.True(b.Add(event("a", "", 1)))
	first := make(chan error)
	go func() { first <- b.Flush(context.Background()) }()
	<-writing
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	is.Equal(b.Flush(ended), context.Canceled)
	close(finish)
	is.NoErr(<-first)
}
