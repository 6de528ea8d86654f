package live

import (
	"context"
	"iter"
	"time"

	"github.com/myswiftagent/myvault"
)

// Notifier is a Source that reports changes. Its secrets are then read as soon as one changes, and
// each [Config].Interval as well.
type Notifier interface {
	Source
	// Changes yields after each change below prefix, until ctx ends or it yields an error.
	Changes(ctx context.Context, prefix myvault.Prefix) iter.Seq2[struct{}, error]
}

// follow reads the changes until ctx ends.
func (l *Live[T]) follow(ctx context.Context) {
	notified := make(chan struct{}, 1)
	if n, ok := l.source.(Notifier); ok {
		l.ended.Go(func() { notify(ctx, n, l.plan.prefix(), l.config.Interval, notified) })
	}
	timer := time.NewTicker(l.config.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-notified:
		case <-timer.C:
		}
		changed, err := l.locked(func() (bool, error) {
			return l.round(ctx, time.Since(l.started) >= l.config.ReadInterval)
		})
		l.report(changed)
		if err != nil && ctx.Err() == nil && l.config.OnError != nil {
			l.config.OnError(err)
		}
	}
}

// notify sends to changed after each change. After an error it waits and begins anew; changes
// missed meanwhile are found by the next read.
func notify(ctx context.Context, n Notifier, prefix myvault.Prefix, wait time.Duration, changed chan<- struct{}) {
	for ctx.Err() == nil {
		for _, err := range n.Changes(ctx, prefix) {
			if err != nil {
				break
			}
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}
