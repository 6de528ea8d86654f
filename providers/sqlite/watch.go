package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/feed"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
)

var _ myvault.Watcher = (*Store)(nil)

const (
	watchInterval = 20 * time.Millisecond // between looks for commits of other processes
	watchPause    = 5 * time.Millisecond  // between two reads of the log, while it grows
)

// Watch implements [myvault.Watcher]. Commits of this process are reported at once, those of
// others within 50 ms. One goroutine reads the log for all feeds of the store. It ends when the
// last of them is closed. While nothing is committed, it only looks at the WAL-index every 20 ms.
// On systems other than Linux it asks for PRAGMA data_version. If the log cannot be read, all feeds
// end with the error.
func (s *Store) Watch(ctx context.Context, _ myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := s.watchers.join(ctx, s)
	if err != nil {
		return nil, err
	}
	f, err := p.open(ctx, after)
	if err != nil {
		s.watchers.leave(p)
		return nil, err
	}
	return f, nil
}

// watchers has the poller of a store while it has feeds.
type watchers struct {
	mu      sync.Mutex
	closed  bool
	current *poller
	nudges  chan struct{} // a commit of this process
}

// join returns the running poller, with one more feed. It starts one if there is none.
func (w *watchers) join(ctx context.Context, s *Store) (*poller, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, myvault.ErrClosed
	}
	if w.current == nil {
		p, err := newPoller(ctx, s)
		if err != nil {
			return nil, err
		}
		w.current = p
	}
	w.current.feeds++
	return w.current, nil
}

// leave takes out a feed of p, and stops p if that was the last.
func (w *watchers) leave(p *poller) {
	w.mu.Lock()
	p.feeds--
	last := p.feeds == 0
	if last && w.current == p {
		w.current = nil
	}
	w.mu.Unlock()
	if last {
		p.stop()
	}
}

// drop forgets a poller that has failed, so that the next feed gets another.
func (w *watchers) drop(p *poller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == p {
		w.current = nil
	}
}

// close ends all feeds.
func (w *watchers) close() {
	w.mu.Lock()
	p := w.current
	w.closed, w.current = true, nil
	w.mu.Unlock()
	if p != nil {
		p.log.End(myvault.ErrClosed)
		p.stop()
	}
}

// nudge wakes the poller after a commit of this process. It never blocks.
func (w *watchers) nudge() {
	select {
	case w.nudges <- struct{}{}:
	default:
	}
}

// poller reads the log as it grows.
type poller struct {
	store *Store
	log   *feed.Log
	feeds int // by watchers.mu
	stop  func()

	mu    sync.Mutex // guards probe
	probe *rowcache.Probe
}

// newPoller starts a poller at the end of the log.
func newPoller(ctx context.Context, s *Store) (*poller, error) {
	end, err := s.lastChange(ctx)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	p := &poller{store: s, log: feed.New(s.incarnation, myvault.WatchHistory, end), probe: rowcache.NewProbe(s.file, s.validator, s.walIndex)}
	done := make(chan struct{})
	p.stop = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		p.run(running)
	}()
	return p, nil
}

func (s *Store) lastChange(ctx context.Context) (end uint64, err error) {
	err = s.file.Readers.Read(ctx, func(c *db.Conn) error {
		end, err = ledger.LastChange(c)
		return err
	})
	return end, err
}

// open returns a feed from the present on, or from an earlier position.
func (p *poller) open(ctx context.Context, after myvault.Position) (*feed.Feed, error) {
	if err := p.poll(ctx); err != nil {
		return nil, err
	}
	return p.log.Open(after, feed.Source{Refresh: p.poll, Older: p.older, Close: func() { p.store.watchers.leave(p) }})
}

// older reads events from the log that were committed before the poller started: as many as one
// Next may return.
func (p *poller) older(ctx context.Context, after, upTo uint64) (events []myvault.Event, err error) {
	s := p.store
	err = s.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
		events, err = ledger.Events(c, s.file.Keys, after, upTo, feed.MaxChanges)
		return err
	})
	for i := range events {
		after += uint64(len(events[i].Changes))
		events[i].Position = myvault.PositionAfter(s.incarnation, after)
	}
	return events, err
}

// run polls until ctx ends.
func (p *poller) run(ctx context.Context) {
	defer func() { _ = p.probe.Close() }()
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	for {
		nudged := false
		select {
		case <-look.C:
		case <-p.store.watchers.nudges:
			nudged = true
		case <-ctx.Done():
			return
		}
		if err := p.poll(ctx); err != nil && ctx.Err() == nil {
			p.store.watchers.drop(p)
			p.log.End(err)
			return
		}
		if nudged {
			time.Sleep(watchPause)
		}
	}
}

// poll reads the commits since the last poll from one snapshot, which ends with a whole commit.
func (p *poller) poll(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store.closed.Load() || !p.probe.Changed(ctx) {
		return nil // the log has ended, or there is nothing new
	}
	s, last := p.store, p.log.Last()
	var events []myvault.Event
	err := s.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
		end, err := ledger.LastChange(c)
		switch {
		case err != nil || end == last:
			return err
		case end < last:
			return s.file.RolledBack(last)
		case end-last > myvault.WatchHistory:
			p.log.Skip(end) // no feed could read so many
			return nil
		}
		events, err = ledger.Events(c, s.file.Keys, last, end, myvault.WatchHistory)
		return err
	})
	if err != nil {
		p.probe.Forget()
		return err
	}
	for _, e := range events {
		p.log.Append(e)
	}
	return nil
}
