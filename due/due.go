// Package due tells a program which secrets are due for rotation or have expired.
//
//	watcher, err := due.Start(vault, vault.As("rotator"), due.Config{Notify: rotate})
//	defer watcher.Close()
//
// A [Watcher] looks through what its session may list, and wakes when the next time comes. For each
// version whose time has come it writes a mark among the vault's own records. That commit is
// the event: its entry in the trail has the kind as its action, and there is one for each
// address, version and kind, whichever process of the store was first, also over restarts. Then it
// calls [Config.Notify], and marks that this is done.
//
// # What is once
//
// The event is exactly once. The call is too, unless it fails or the process or the store ends between
// the call and its mark: then it comes again with the same [Notice.ID] and a greater Attempt, in
// this process or another, after [Config.Retry] where it failed and after [Config.Lease] where
// nobody can tell. A callback that must not act twice puts with [myvault.IfVersion], as the
// example does, or remembers the ID.
//
// A mark goes a day after its version ceased to be the newest, or was destroyed. A store that
// was put back from a backup forgets marks that are newer, and gives those notices again, with
// the same IDs.
package due

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Kind is why a version is due. It is the action of the event's entry.
type Kind string

// The kinds of notice.
const (
	Expired  Kind = "expired"      // [myvault.Info.Expires] has come
	Rotation Kind = "rotation-due" // [myvault.Info.RotateAfter] has come
)

// Notice is that the time of a version has come.
type Notice struct {
	ID      string // the same whenever it is repeated; 32 hexadecimal digits
	Kind    Kind
	Secret  myvault.Info // the version, without its value
	Due     time.Time    // when its time came
	Attempt int          // 1, 2 ...: which call this is, as far as is known
}

// Config says what a Watcher does. Only Notify is needed.
type Config struct {
	// Notify is called for each notice, one at a time. Its context ends with the Watcher and
	// after Lease: it must return by then, for another process may call its own. An error has it
	// called again.
	Notify func(context.Context, Notice) error
	// Prefix limits what is watched, beside what the session may list. The zero Prefix: all of that.
	Prefix myvault.Prefix
	// Scan is how often the store is looked through for times written meanwhile. Each
	// costs a listing, which over HashiCorp Vault is a request for each secret. 0: a minute.
	Scan time.Duration
	// Lease is how long a call may take. 0: a minute.
	Lease time.Duration
	// Retry is how long to wait after a call that failed. 0: a minute.
	Retry time.Duration
	// Failed is told what went wrong: errors of the store, which is tried again at the next Scan, and of
	// Notify. Nil: nobody is.
	Failed func(error)
}

// Watcher looks after the times of secrets. Make it with [Start].
type Watcher struct {
	vault     *myvault.Vault
	session   *myvault.Session
	extension *myvault.Extension
	config    Config
	stop      context.CancelFunc
	ended     sync.WaitGroup
	done      map[string]bool // marks known to be done, of what was due at the last look
	cleaned   time.Time       // when marks were last cleaned up
}

// Start begins to watch in the name of the session, which must be one of vault's and should
// end with the program alone, as that of [myvault.Vault.As] does. ErrInvalid where
// something is missing or a duration is negative.
func Start(vault *myvault.Vault, session *myvault.Session, config Config) (*Watcher, error) {
	if vault == nil || session == nil || config.Notify == nil {
		return nil, fmt.Errorf("due: %w: a watcher needs a vault, a session and Config.Notify", myvault.ErrInvalid)
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
	if config.Failed == nil {
		config.Failed = func(error) {}
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

// Close ends the watch, and the context of a call that is under way, and waits for both. What
// that call did not finish comes again. A second Close gives nil. Close it before the vault.
func (w *Watcher) Close() error {
	w.stop()
	w.ended.Wait()
	return nil
}

// pause is the least time between two looks, however near the next time is.
const pause = time.Second

func (w *Watcher) run(ctx context.Context) {
	for {
		next, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			w.config.Failed(err)
		}
		wait := min(w.config.Scan, max(pause, time.Until(next)))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// look gives the notices that are due, and says when the next one will be, if that is before
// the next Scan.
func (w *Watcher) look(ctx context.Context) (next time.Time, err error) {
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
	done := make(map[string]bool)
	for _, n := range ready {
		if time.Since(now) > stale {
			return time.Now(), nil // what was listed may be past; what is done is marked
		}
		again, err := w.attend(ctx, n)
		if ctx.Err() != nil {
			return next, nil
		}
		if err != nil {
			w.config.Failed(err)
		}
		if again.IsZero() {
			done[n.ID] = true
		} else {
			next = earlier(next, again)
		}
	}
	w.done = done
	return next, w.clean(ctx, now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
