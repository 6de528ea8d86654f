package live

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Watcher is a Source that reports changes, as sessions and clients do. Secrets are then read as
// soon as one changes. If the store of the source reports none, they are read each
// [Config].Interval.
type Watcher interface {
	Source
	Watch(ctx context.Context, r myvault.WatchOptions) iter.Seq2[myvault.Event, error]
}

var _ Watcher = (*myvault.Session)(nil)

// reconnect is how long to wait before the next watch of a server that does not answer.
const reconnect = 5 * time.Second

// patience is how many intervals pass between two listings while changes are reported.
const patience = 20

// follow reads the changes until ctx ends.
func (l *Live[T]) follow(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var watching atomic.Bool
	if w, ok := l.source.(Watcher); ok {
		l.ended.Go(func() { watch(ctx, w, l.plan.prefix(), l.config.Interval, &watching, changed) })
	}
	timer := time.NewTicker(l.config.Interval)
	defer timer.Stop()
	for last := time.Now(); ; last = time.Now() {
		if !await(ctx, changed, timer.C, func() bool {
			return watching.Load() && time.Since(last) < patience*l.config.Interval && l.Err() == nil
		}) {
			return
		}
		replaced, err := l.locked(ctx, func() (bool, error) {
			return l.round(ctx, time.Since(l.complete) >= l.config.ReadInterval)
		})
		l.report(replaced)
		if err != nil && ctx.Err() == nil && l.config.OnError != nil {
			l.config.OnError(err)
		}
	}
}

// await waits for a change or for a tick that skip does not skip. It reports false if ctx ends.
func await(ctx context.Context, changed <-chan struct{}, ticks <-chan time.Time, skip func() bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			return true
		case <-ticks:
			if !skip() {
				return true
			}
		}
	}
}

// watch sends to changed after each change, until ctx ends or the store reports none. After
// another error it waits and resumes. Watching is set while changes are reported.
func watch(ctx context.Context, w Watcher, prefix myvault.Prefix, wait time.Duration, watching *atomic.Bool, changed chan<- struct{}) {
	options, pause := myvault.WatchOptions{Prefix: prefix}, wait
	for ctx.Err() == nil {
		for e, err := range w.Watch(ctx, options) {
			if errors.Is(err, errors.ErrUnsupported) {
				return
			}
			if errors.Is(err, myvault.ErrStalePosition) {
				options.After = ""
			}
			if err != nil {
				pause = wait
				if errors.Is(err, myvault.ErrUnavailable) {
					pause = min(wait, reconnect)
				}
				break
			}
			if len(e.Changes) > 0 || options.After == "" { // nothing is known of the time before
				select {
				case changed <- struct{}{}:
				default: // one is waiting already
				}
			}
			options.After = e.Position
			watching.Store(true)
		}
		watching.Store(false)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
