// Package due notifies a program of secrets that are due for rotation or have expired.
//
//	watcher, err := due.Start(vault, vault.As("rotator"), due.Config{Notify: rotate})
//	defer watcher.Close()
//
// A [Watcher] scans the secrets that its session may list, and wakes when the next one is due.
// For each version that is due it first writes a mark to the vault's internal records. That
// commit is the event: the action of its trail entry is the kind of the notice. There is exactly
// one event for each address, version and kind, across restarts and all processes that use the
// store. Then the watcher calls [Config.Notify] and marks the notice as done.
//
// # Delivery
//
// The event happens exactly once. Notify is called again if it fails, or if the process or the
// store stops between the call and its mark. The repeated call has the same [Notice.ID] and a
// greater Attempt. It comes after [Config.Retry] if the call failed, otherwise after
// [Config.Lease], in this process or another. A callback that must not act twice uses
// [myvault.IfVersion], as the example does, or remembers the ID.
//
// A mark is removed a day after its version was replaced or destroyed. A store restored from a
// backup lacks the marks made since, so their notices are repeated with the same IDs.
package due

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Kind is the reason why a version is due. It is the action of the event's trail entry.
type Kind string

// The kinds of notice.
const (
	Expired  Kind = "expired"      // [myvault.Info.Expires] has passed
	Rotation Kind = "rotation-due" // [myvault.Info.RotateAfter] has passed
)

// Notice says that a version is due.
type Notice struct {
	ID      string // the same for each repetition; 32 hexadecimal digits
	Kind    Kind
	Secret  myvault.Info // the version, without its value
	Due     time.Time    // since when
	Attempt int          // the number of this call, from 1, as far as is known
}

// Config configures a Watcher. Only Notify is required.
type Config struct {
	// Notify is called for each notice, one at a time. Its context is canceled by Close and after
	// Lease. It must return by then, because another process may make the call instead. If it
	// returns an error, it is called again.
	Notify func(context.Context, Notice) error
	// Prefix limits the secrets to watch. The zero Prefix: all that the session may list.
	Prefix myvault.Prefix
	// Scan is the longest interval between two scans, which find times written meanwhile. Each
	// scan lists the store, which over HashiCorp Vault is a request for each secret. 0: a minute.
	Scan time.Duration
	// Lease is the time limit of a call of Notify. 0: a minute.
	Lease time.Duration
	// Retry is the delay after a failed call of Notify. 0: a minute.
	Retry time.Duration
	// OnError is called with each error of Notify and of the store, which is tried again at the
	// next scan. Nil: errors are dropped.
	OnError func(error)
}

// Watcher watches the times of secrets. [Start] returns one.
type Watcher struct {
	vault     *myvault.Vault
	session   *myvault.Session
	extension *myvault.Extension
	config    Config
	stop      context.CancelFunc
	ended     sync.WaitGroup
	done      map[string]bool        // IDs of the last scan's notices that are known to be done
	cleaned   time.Time              // when marks were last removed
	counts    atomic.Pointer[counts] // of the last complete scan; nil before it
}

// Start starts a watcher that acts with the rights of session. The session must belong to vault
// and should last as long as the program, as one from [myvault.Vault.As] does. Start returns
// ErrInvalid if a required argument is missing or a duration is negative.
func Start(vault *myvault.Vault, session *myvault.Session, config Config) (*Watcher, error) {
	if vault == nil || session == nil || config.Notify == nil {
		return nil, fmt.Errorf("due: %w: the vault, the session or Config.Notify is nil", myvault.ErrInvalid)
	}
	if err := config.Prefix.Validate(); err != nil {
		return nil, fmt.Errorf("due: %w", err)
	}
	for _, d := range []*time.Duration{&config.Scan, &config.Lease, &config.Retry} {
		if *d < 0 {
			return nil, fmt.Errorf("due: %w: a duration is negative", myvault.ErrInvalid)
		}
		if *d == 0 {
			*d = time.Minute
		}
	}
	if config.OnError == nil {
		config.OnError = func(error) {}
	}
	extension, err := vault.Extend("due")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Watcher{vault: vault, session: session, extension: extension, config: config, stop: stop}
	w.ended.Go(func() { w.run(ctx) })
	return w, nil
}

// Close stops the watcher: it cancels the context of a running call of Notify and waits for the
// call. A call that it interrupts is repeated by the next watcher. Close the watcher before the
// vault. Later calls return nil.
func (w *Watcher) Close() error {
	w.stop()
	w.ended.Wait()
	return nil
}

// minWait is the shortest time between two scans.
const minWait = time.Second

func (w *Watcher) run(ctx context.Context) {
	for {
		next, err := w.scan(ctx)
		if err != nil && ctx.Err() == nil {
			w.config.OnError(err)
		}
		wait := min(w.config.Scan, max(minWait, time.Until(next)))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// scan handles the notices that are due. It returns when to scan again.
func (w *Watcher) scan(ctx context.Context) (next time.Time, err error) {
	now := time.Now()
	next = now.Add(w.config.Scan)
	var ready []Notice
	for info, err := range w.session.List(ctx, myvault.ListOptions{Prefix: w.config.Prefix}) {
		if err != nil {
			return next, err
		}
		for _, n := range noticesOf(info) {
			if n.Due.After(now) {
				next = earlier(next, n.Due)
			} else {
				ready = append(ready, n)
			}
		}
	}
	w.counts.Store(countOf(ready))
	done := make(map[string]bool)
	for _, n := range ready {
		if time.Since(now) > maxListingAge {
			return time.Now(), nil // the listing is stale: scan again
		}
		retry, err := w.handle(ctx, n)
		if ctx.Err() != nil {
			return next, nil
		}
		if err != nil {
			w.config.OnError(err)
		}
		if retry.IsZero() {
			done[n.ID] = true
		} else {
			next = earlier(next, retry)
		}
	}
	w.done = done
	return next, w.removeMarks(ctx, now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
