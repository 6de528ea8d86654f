package providertest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// patchedFeed is a feed with replaceable methods.
type patchedFeed struct {
	myvault.Feed
	next     func(context.Context) ([]myvault.Event, error)
	position func() myvault.Position
	ready    func() <-chan struct{}
	close    func()
}

func (f *patchedFeed) Next(ctx context.Context) ([]myvault.Event, error) { return f.next(ctx) }
func (f *patchedFeed) Position() myvault.Position                        { return f.position() }
func (f *patchedFeed) Ready() <-chan struct{}                            { return f.ready() }
func (f *patchedFeed) Close()                                            { f.close() }

// onFeed patches the feeds of a provider.
func onFeed(patch func(*fake, *patchedFeed)) func(*fake) {
	return func(f *fake) {
		f.watch = func(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
			feed, err := f.Provider.Watch(ctx, prefix, after)
			if err != nil {
				return nil, err
			}
			p := &patchedFeed{Feed: feed, next: feed.Next, position: feed.Position, ready: feed.Ready, close: feed.Close}
			patch(f, p)
			return p, nil
		}
	}
}

// onEvents edits what Next returns. The events are a copy.
func onEvents(edit func([]myvault.Event) []myvault.Event) func(*fake) {
	return onFeed(func(_ *fake, p *patchedFeed) {
		next := p.next
		p.next = func(ctx context.Context) ([]myvault.Event, error) {
			events, err := next(ctx)
			return edit(slices.Clone(events)), err
		}
	})
}

// onEvent edits each event.
func onEvent(edit func(*myvault.Event)) func(*fake) {
	return onEvents(func(events []myvault.Event) []myvault.Event {
		for i := range events {
			events[i].Changes = slices.Clone(events[i].Changes)
			edit(&events[i])
		}
		return events
	})
}

// onPosition edits the position after which a feed is opened.
func onPosition(edit func(*fake, myvault.Position) myvault.Position) func(*fake) {
	return func(f *fake) {
		f.watch = func(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
			return f.Provider.Watch(ctx, prefix, edit(f, after))
		}
	}
}

// moved returns a position some changes later.
func moved(f *fake, p myvault.Position, by int) myvault.Position {
	seq, err := p.Seq(f.Provider.Incarnation())
	if err != nil || p == "" {
		return p
	}
	return myvault.PositionAfter(f.Provider.Incarnation(), uint64(max(0, int(seq)+by)))
}

var brokenWatches = []broken{
	{"a feed begins with the first commit of the store", onPosition(func(f *fake, p myvault.Position) myvault.Position {
		if p == "" {
			return myvault.PositionAfter(f.Provider.Incarnation(), 0)
		}
		return p
	}), []string{"watch/present", "watch/idle", "watch/refused"}},
	{"events are reordered", onEvents(func(events []myvault.Event) []myvault.Event {
		if n := len(events); n > 2 {
			events[0], events[1] = events[1], events[0]
		}
		return events
	}), []string{"watch/ordered", "watch/resumable"}},
	{"an event is doubled", onFeed(func(_ *fake, p *patchedFeed) {
		var last []myvault.Event
		next := p.next
		p.next = func(ctx context.Context) ([]myvault.Event, error) {
			events, err := next(ctx)
			if len(events) > 0 {
				events, last = slices.Concat(last, events), events[len(events)-1:]
			}
			return events, err
		}
	}), []string{"watch/unique"}},
	{"an event of each call of Next is doubled", onEvents(func(events []myvault.Event) []myvault.Event {
		if len(events) > 1 {
			events = append(events[:1:1], events...)
		}
		return events
	}), []string{"watch/reliable", "watch/ordered", "watch/states", "watch/projects"}},
	{"a commit is torn", onEvents(func(events []myvault.Event) (torn []myvault.Event) {
		for _, e := range events {
			for _, c := range e.Changes {
				part := e
				part.Changes = []myvault.VersionChange{c}
				torn = append(torn, part)
			}
		}
		return torn
	}), []string{"watch/atomic", "watch/reliable", "watch/while-writing"}},
	{"two commits are merged", onEvents(func(events []myvault.Event) []myvault.Event {
		if len(events) > 2 {
			events[1].Changes = slices.Concat(events[0].Changes, events[1].Changes)
			events = events[1:]
		}
		return events
	}), []string{"watch/ordered", "watch/reliable"}},
	{"an event is lost", onEvents(func(events []myvault.Event) []myvault.Event {
		if len(events) > 2 {
			events = events[1:]
		}
		return events
	}), []string{"watch/reliable", "watch/ordered", "watch/states"}},
	{"the second of two feeds loses events", func(f *fake) {
		var mu sync.Mutex
		opened := 0
		onFeed(func(_ *fake, p *patchedFeed) {
			mu.Lock()
			defer mu.Unlock()
			if opened++; opened == 1 {
				return
			}
			next, n := p.next, 0
			p.next = func(ctx context.Context) ([]myvault.Event, error) {
				events, err := next(ctx)
				if n++; len(events) > 1 || n == 2 && len(events) > 0 {
					events = events[1:]
				}
				return events, err
			}
		})(f)
	}, []string{"watch/while-writing", "watch/resumable"}},
	{"a commit lacks its last change", onEvent(func(e *myvault.Event) {
		if n := len(e.Changes); n > 1 {
			e.Changes = e.Changes[:n-1]
		}
	}), []string{"watch/atomic", "watch/reliable"}},
	{"the changes of a commit are sorted", onEvent(func(e *myvault.Event) {
		slices.SortFunc(e.Changes, func(a, b myvault.VersionChange) int { return a.Address.Compare(b.Address) })
	}), []string{"watch/atomic"}},
	{"an event comes before its commit", func(f *fake) {
		var early func(myvault.Commit)
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if early != nil {
				early(c)
			}
			return f.Provider.Apply(ctx, c)
		}
		onFeed(func(f *fake, p *patchedFeed) {
			var mu sync.Mutex
			var waiting []myvault.Event
			wake := make(chan struct{}, 1)
			versions := map[myvault.Address]myvault.Version{}
			early = func(c myvault.Commit) {
				mu.Lock()
				defer mu.Unlock()
				e := myvault.Event{At: c.At, By: c.By}
				for _, change := range c.Changes {
					versions[change.Address]++
					e.Changes = append(e.Changes, myvault.VersionChange{Address: change.Address, Version: versions[change.Address], State: myvault.Live})
				}
				waiting = append(waiting, e)
				select {
				case wake <- struct{}{}:
				default:
				}
				time.Sleep(time.Millisecond)
			}
			p.next = func(context.Context) ([]myvault.Event, error) {
				mu.Lock()
				defer mu.Unlock()
				events := waiting
				waiting = nil
				return events, nil
			}
			p.ready = func() <-chan struct{} { return wake }
		})(f)
	}, []string{"watch/committed", "watch/refused", "watch/refused-commit"}},
	{"a feed resumes with the event of its position", onPosition(func(f *fake, p myvault.Position) myvault.Position { return moved(f, p, -1) }), []string{"watch/resumable"}},
	{"a feed resumes one event too late", onPosition(func(f *fake, p myvault.Position) myvault.Position {
		if later := moved(f, p, 1); later != moved(f, p, 1<<30) {
			return later
		}
		return p
	}), []string{"watch/resumable", "watch/bookmarkable", "watch/reopened"}},
	{"a feed resumes at the present", onPosition(func(f *fake, p myvault.Position) myvault.Position {
		if seq, err := p.Seq(f.Provider.Incarnation()); err == nil && seq < 1<<40 {
			return ""
		}
		return p
	}), []string{"watch/resumable", "watch/bookmarkable", "watch/reopened", "watch/kept"}},
	{"a stale position is the present", func(f *fake) {
		f.watch = func(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
			feed, err := f.Provider.Watch(ctx, prefix, after)
			if err != nil && ctx.Err() == nil {
				return f.Provider.Watch(ctx, prefix, "")
			}
			return feed, err
		}
	}, []string{"watch/stale", "watch/kept"}},
	{"the position of a feed is that of the previous event", onFeed(func(_ *fake, p *patchedFeed) {
		before := p.position()
		next := p.next
		p.next = func(ctx context.Context) ([]myvault.Event, error) {
			before = p.Feed.Position()
			return next(ctx)
		}
		p.position = func() myvault.Position { return before }
	}), []string{"watch/bookmarkable"}},
	{"a slow feed skips what it missed", onFeed(func(f *fake, p *patchedFeed) {
		next := p.next
		p.next = func(ctx context.Context) ([]myvault.Event, error) {
			events, err := next(ctx)
			if err != nil && ctx.Err() == nil && f.usable() == nil {
				return []myvault.Event{{Changes: make([]myvault.VersionChange, 1)}}, nil
			}
			return events, err
		}
	}), []string{"watch/slow"}},
	{"an event has no time", onEvent(func(e *myvault.Event) { e.At = time.Time{} }), []string{"watch/fields"}},
	{"an event has no author", onEvent(func(e *myvault.Event) { e.By = "" }), []string{"watch/fields"}},
	{"every state is live", onEvent(func(e *myvault.Event) {
		for i := range e.Changes {
			e.Changes[i].State = myvault.Live
		}
	}), []string{"watch/states", "watch/projects"}},
	{"changes of projects are omitted", onEvents(func(events []myvault.Event) []myvault.Event {
		return slices.DeleteFunc(events, func(e myvault.Event) bool { return e.Changes[0].Path == "" })
	}), []string{"watch/projects"}},
	{"a feed ignores cancellation", onFeed(func(_ *fake, p *patchedFeed) {
		next := p.next
		p.next = func(ctx context.Context) ([]myvault.Event, error) { return next(context.WithoutCancel(ctx)) }
	}), []string{"watch/canceled"}},
	{"watching ignores cancellation", func(f *fake) {
		f.watch = func(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
			return f.Provider.Watch(context.WithoutCancel(ctx), prefix, after)
		}
	}, []string{"watch/canceled"}},
	{"a feed is never ready", onFeed(func(_ *fake, p *patchedFeed) {
		p.ready = func() <-chan struct{} { return nil }
	}), []string{"watch/present", "watch/fields"}},
	{"a feed is always ready", onFeed(func(_ *fake, p *patchedFeed) {
		always := make(chan struct{})
		close(always)
		p.ready = func() <-chan struct{} { return always }
	}), []string{"watch/idle"}},
	{"closing one feed closes all", func(f *fake) {
		var mu sync.Mutex
		closed := false
		onFeed(func(_ *fake, p *patchedFeed) {
			next := p.next
			p.next = func(ctx context.Context) ([]myvault.Event, error) {
				mu.Lock()
				defer mu.Unlock()
				if closed {
					return nil, myvault.ErrUnavailable
				}
				return next(ctx)
			}
			p.close = func() {
				mu.Lock()
				defer mu.Unlock()
				closed = true
			}
		})(f)
	}, []string{"watch/feed-closed"}},
	{"a closed store goes on watching", func(f *fake) {
		f.close = func() error { return nil }
	}, []string{"watch/closed"}},
}
