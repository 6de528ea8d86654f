package feed_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/feed"
)

const store = "store"

// commit returns an event with changes of the named secrets.
func commit(paths ...string) myvault.Event {
	var e myvault.Event
	for _, path := range paths {
		e.Changes = append(e.Changes, myvault.VersionChange{Address: myvault.Address{Project: "p", Path: path}, Version: 1, State: myvault.Live})
	}
	return e
}

func Example() {
	log := feed.New(store, 100, 0)
	f, err := log.Open("", feed.Source{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	log.Append(commit("db", "mail"))
	<-f.Ready()
	events, err := f.Next(context.Background())
	fmt.Println(events[0].Changes, events[0].Position, err)
	// Output: [p/db version 1 live p/mail version 1 live] store-2 <nil>
}

// read returns the paths of the next events.
func read(t *testing.T, f *feed.Feed) (paths []string) {
	t.Helper()
	events, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		for _, c := range e.Changes {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

func ready(f *feed.Feed) bool {
	select {
	case <-f.Ready():
		return true
	default:
		return false
	}
}

func TestPositionWithinEvent(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 100, 40)
	log.Append(commit("a", "b", "c"))
	log.Append(commit())
	log.Append(commit("d"))
	for after, want := range map[uint64][]string{40: {"a", "b", "c", "d"}, 41: {"b", "c", "d"}, 42: {"c", "d"}, 43: {"d"}, 44: nil} {
		f, err := log.Open(myvault.PositionAfter(store, after), feed.Source{})
		is.NoErr(err)
		is.Equal(ready(f), want != nil)
		is.Equal(read(t, f), want)
		is.Equal(f.Position(), myvault.PositionAfter(store, 44))
		is.True(!ready(f))
		log.Append(commit())
		is.True(!ready(f)) // an empty commit is no event
	}
	for _, after := range []myvault.Position{"other-40", "store-39", "store-45", "store", "store-"} {
		_, err := log.Open(after, feed.Source{})
		is.True(errors.Is(err, myvault.ErrStalePosition))
	}
}

// A log has at least the changes that it keeps, for commits of all sizes.
func TestKept(t *testing.T) {
	is := is.New(t)
	const keep = 20
	log := feed.New(store, keep, 0)
	slow, err := log.Open("", feed.Source{})
	is.NoErr(err)
	n := uint64(0)
	for size := range 100 {
		paths := make([]string, size%7)
		log.Append(commit(paths...))
		n += uint64(len(paths))
		if n < keep {
			continue
		}
		f, err := log.Open(myvault.PositionAfter(store, n-keep), feed.Source{})
		is.NoErr(err)
		is.Equal(len(read(t, f)), keep)
		if n > keep {
			_, err = log.Open(myvault.PositionAfter(store, n-keep-1), feed.Source{})
			is.True(errors.Is(err, myvault.ErrStalePosition))
		}
	}
	_, err = slow.Next(t.Context())
	is.True(errors.Is(err, myvault.ErrStalePosition))
}

// Changes that a log does not have are read from the store.
func TestOlder(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 100, 40)
	older := func(_ context.Context, after, upTo uint64) ([]myvault.Event, error) {
		is.Equal(after, uint64(39))
		is.Equal(upTo, uint64(40))
		return []myvault.Event{commit("old")}, nil
	}
	closed := 0
	f, err := log.Open(myvault.PositionAfter(store, 39), feed.Source{Older: older, Close: func() { closed++ }})
	is.NoErr(err)
	log.Append(commit("new"))
	is.Equal(read(t, f), []string{"old"})
	is.True(ready(f))
	is.Equal(read(t, f), []string{"new"})
	f.Close()
	f.Close()
	is.Equal(closed, 1)
	_, err = log.Open(myvault.PositionAfter(store, 39), feed.Source{})
	is.True(errors.Is(err, myvault.ErrStalePosition))
}

// A feed asks its store for the commits before Next.
func TestRefresh(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 100, 0)
	var failure error
	f, err := log.Open("", feed.Source{Refresh: func(context.Context) error {
		log.Append(commit("a"))
		return failure
	}})
	is.NoErr(err)
	is.Equal(read(t, f), []string{"a"})
	failure = myvault.ErrUnavailable
	_, err = f.Next(t.Context())
	is.Equal(err, failure)
}

func TestEnd(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 100, 0)
	f, err := log.Open("", feed.Source{})
	is.NoErr(err)
	waiting := f.Ready()
	log.End(myvault.ErrClosed)
	log.End(myvault.ErrUnavailable)
	<-waiting
	is.True(ready(f))
	_, err = f.Next(t.Context())
	is.True(errors.Is(err, myvault.ErrClosed)) // the first reason
	_, err = log.Open("", feed.Source{})
	is.True(errors.Is(err, myvault.ErrClosed))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Next(ctx)
	is.True(errors.Is(err, context.Canceled))
}

// Next ends after the event that completes 1,000 changes, whether it is read from the log or from
// the store, and the caller may modify the slice.
func TestNextIsBounded(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 10_000, 1200)
	older := func(_ context.Context, after, _ uint64) ([]myvault.Event, error) {
		return []myvault.Event{commit(make([]string, 1100)...)}[:min(1, 1200-after)], nil
	}
	f, err := log.Open(myvault.PositionAfter(store, 100), feed.Source{Older: older})
	is.NoErr(err)
	for range 3 {
		log.Append(commit(make([]string, 600)...))
	}
	for _, want := range []struct{ changes, end uint64 }{{1100, 1200}, {1200, 2400}, {600, 3000}} {
		is.True(ready(f))
		events, err := f.Next(t.Context())
		is.NoErr(err)
		total := 0
		for i := range events {
			total += len(events[i].Changes)
			events[i] = myvault.Event{}
		}
		is.Equal(total, int(want.changes))
		is.Equal(f.Position(), myvault.PositionAfter(store, want.end))
	}
	is.True(!ready(f))
	other, err := log.Open(myvault.PositionAfter(store, 1200), feed.Source{})
	is.NoErr(err)
	is.Equal(len(read(t, other)), 1200)
}

// A store may return a part of the events that the log no longer has.
func TestOlderInParts(t *testing.T) {
	is := is.New(t)
	log := feed.New(store, 100, 40)
	f, err := log.Open(myvault.PositionAfter(store, 30), feed.Source{
		Older: func(_ context.Context, after, _ uint64) ([]myvault.Event, error) {
			return []myvault.Event{commit(fmt.Sprint(after), "x")}, nil
		},
	})
	is.NoErr(err)
	var got []string
	for ready(f) {
		got = append(got, read(t, f)...)
	}
	is.Equal(got, []string{"30", "x", "32", "x", "34", "x", "36", "x", "38", "x"})
}
