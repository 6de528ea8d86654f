package hashivault

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/feed"
)

var _ myvault.Watcher = (*Store)(nil)

const (
	idlePollers = 16 // whose states are kept after their last feed was closed
	maxFailures = 5  // polls in sequence that find Vault unavailable, before the feeds end
)

// Watch implements [myvault.Watcher] by polling: Vault reports no changes. Every
// Config.WatchInterval the addresses in prefix are listed as by List, once for all feeds of the
// prefix. A feed therefore has the newest state of each secret, not each commit. Of two Puts
// between two polls it has the second, and an old version that is destroyed is no event.
//
// The event of a deletion, undeletion or destruction has no author and the time when it was
// noticed. There are no events about projects. A position is valid in the same process and for the
// same prefix.
func (s *Store) Watch(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
	if err := s.calls.begin(ctx); err != nil {
		return nil, err
	}
	s.calls.end()
	p, err := s.watchers.join(s, prefix)
	if err != nil {
		return nil, err
	}
	var f *feed.Feed
	if err = p.poll(ctx); err == nil {
		f, err = p.log.Open(after, feed.Source{Close: func() { s.watchers.leave(p) }})
	}
	if err != nil {
		s.watchers.leave(p)
		return nil, err
	}
	return f, nil
}

// watchers has a poller for each prefix that is or was watched.
type watchers struct {
	mu      sync.Mutex
	closed  bool
	pollers map[myvault.Prefix]*poller
}

// poller lists a prefix and compares it with the last listing.
type poller struct {
	store  *Store
	prefix myvault.Prefix
	log    *feed.Log
	feeds  int    // by watchers.mu, with stop
	stop   func() // nil: it does not run

	mu     sync.Mutex // of a poll
	states map[myvault.Address]myvault.VersionChange
}

// join returns the poller of a prefix with one more feed, and starts it if it does not run.
func (w *watchers) join(s *Store, prefix myvault.Prefix) (*poller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, myvault.ErrClosed
	}
	p := w.pollers[prefix]
	if p == nil {
		id := strings.ToLower(rand.Text())
		p = &poller{store: s, prefix: prefix, log: feed.New(id, myvault.WatchHistory, 0)}
		if w.pollers == nil {
			w.pollers = make(map[myvault.Prefix]*poller)
		}
		w.pollers[prefix] = p
	}
	p.feeds++
	if p.stop == nil {
		p.start()
	}
	return p, nil
}

// start starts polling. The caller holds watchers.mu.
func (p *poller) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(ctx)
	}()
	p.stop = func() {
		cancel()
		<-done
	}
}

// leave takes out a feed of p. If that was the last, p stops, but keeps its state.
func (w *watchers) leave(p *poller) {
	w.mu.Lock()
	var stop func()
	if p.feeds--; p.feeds == 0 {
		stop, p.stop = p.stop, nil
		w.forgetIdle()
	}
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// forgetIdle drops the state of pollers without feeds, if there are too many.
func (w *watchers) forgetIdle() {
	idle := 0
	for prefix, p := range w.pollers {
		if p.feeds > 0 {
			continue
		}
		if idle++; idle > idlePollers {
			delete(w.pollers, prefix)
		}
	}
}

// drop forgets a poller whose feeds have ended.
func (w *watchers) drop(p *poller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pollers[p.prefix] == p {
		delete(w.pollers, p.prefix)
	}
}

// close ends all feeds.
func (w *watchers) close() {
	w.mu.Lock()
	w.closed = true
	var stops []func()
	for _, p := range w.pollers {
		p.log.End(myvault.ErrClosed)
		if p.stop != nil {
			stops = append(stops, p.stop)
			p.stop = nil
		}
	}
	w.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// run polls until ctx ends, or Vault cannot be read.
func (p *poller) run(ctx context.Context) {
	look := time.NewTicker(p.store.watchInterval)
	defer look.Stop()
	for failures := 0; ; {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		err := p.poll(ctx)
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() != nil:
			return
		default:
			failures++
			if !errors.Is(err, myvault.ErrUnavailable) || failures == maxFailures {
				p.store.watchers.drop(p)
				p.log.End(err)
				return
			}
		}
	}
}

// poll appends an event for each secret that has another version or state than in the last poll.
// The first poll only notes them.
func (p *poller) poll(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	states := make(map[myvault.Address]myvault.VersionChange)
	var events []myvault.Event
	for info, err := range p.store.walk(ctx, myvault.ListOptions{Prefix: p.prefix}) {
		if err != nil {
			return err
		}
		if info.State == 0 {
			continue
		}
		now := myvault.VersionChange{Address: info.Address, Version: info.Version, State: info.State}
		states[info.Address] = now
		if before := p.states[info.Address]; before != now {
			events = append(events, eventOf(now, before, info))
		}
	}
	if p.states != nil {
		slices.SortStableFunc(events, func(a, b myvault.Event) int { return a.At.Compare(b.At) })
		for _, e := range events {
			p.log.Append(e)
		}
	}
	p.states = states
	return nil
}

// eventOf returns the event of a change. Vault knows author and time of a version only.
func eventOf(now, before myvault.VersionChange, info myvault.Info) myvault.Event {
	e := myvault.Event{At: info.At, By: info.By, Changes: []myvault.VersionChange{now}}
	if now.Version == before.Version || now.State != myvault.Live {
		e.At, e.By = time.Now().UTC().Truncate(time.Microsecond), ""
	}
	return e
}
