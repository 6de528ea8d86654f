package myvault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// Position is a place between two commits of a store. It is opaque: keep one to resume a
// [Session.Watch] after it. "" is the present. A position says how many changes the store has had,
// hidden ones included.
type Position string

// PositionAfter returns the position after the change seq of an incarnation of a store. It is for
// those who implement a [Watcher].
func PositionAfter(incarnation string, seq uint64) Position {
	return Position(incarnation + "-" + strconv.FormatUint(seq, 10))
}

// Seq returns the seq that p was made of. ErrStalePosition if p is of another incarnation.
func (p Position) Seq(incarnation string) (uint64, error) {
	text, found := strings.CutPrefix(string(p), incarnation+"-")
	seq, err := strconv.ParseUint(text, 10, 63)
	if !found || err != nil {
		return 0, fmt.Errorf("%w: it is of another store", ErrStalePosition)
	}
	return seq, nil
}

// Event is the changes of one commit, or a bookmark if it has no Changes: then all events up to
// Position have been delivered.
type Event struct {
	Position Position // to resume after this event
	At       time.Time
	By       string // the service
	Changes  []VersionChange
}

// VersionChange is what a commit did to a version: it is live after a put or an undelete,
// else deleted or destroyed. If several versions were destroyed, it is the newest of them.
type VersionChange struct {
	Address
	Version Version
	State   State
}

// String returns one line, such as "newsbot/prod/db version 3 live".
func (c VersionChange) String() string {
	return fmt.Sprintf("%s version %d %s", c.Address, c.Version, c.State)
}

// WatchOptions selects the changes that [Session.Watch] yields.
type WatchOptions struct {
	Prefix Prefix
	After  Position // exclusive; "" begins at the present
	// BookmarkInterval is the time after which Watch yields a bookmark if there was no event. 0: a
	// minute. A bookmark never comes earlier: that would show how much others change. If more
	// than WatchHistory changes are made between two bookmarks, the first becomes stale.
	BookmarkInterval time.Duration
}

// WatchHistory is how many changes a store keeps for a [Session.Watch] to resume, unless its own
// Config says otherwise. A position that is further back is ErrStalePosition.
const WatchHistory = 10_000

// Watcher is a [Provider] that reports the changes of its store, by whichever process they are
// made. On other providers [Session.Watch] returns [errors.ErrUnsupported].
type Watcher interface {
	// Watch returns a Feed of the commits after a position, or of those from now on if it is "".
	// The feed may omit changes of addresses outside of prefix. ErrStalePosition if the position is
	// of another incarnation, if the changes after it are no longer kept, or if the store has not
	// had them. The caller closes the feed.
	Watch(ctx context.Context, prefix Prefix, after Position) (Feed, error)
}

// Feed is the commits of a store in their order, for one reader and from one position on. Its
// methods are for one goroutine.
type Feed interface {
	// Next returns the next commits, the oldest first. It does not wait: there are none if none was
	// made since the last call. An event has all changes of its commit, or of a few commits by one
	// service at one time; those of projects have no Path and no Version. The reader must not
	// modify them. A commit is never returned before Get and List see its changes.
	// ErrStalePosition if the reader was so slow that changes are no longer kept, ErrClosed once
	// the provider is closed. After an error the feed has ended.
	Next(ctx context.Context) ([]Event, error)

	// Position returns the position after the last event of Next.
	Position() Position

	// Ready returns a channel that is closed once Next has something to return.
	Ready() <-chan struct{}

	// Close releases the feed. It may be called twice.
	Close()
}

// Watch yields the changes of secrets that r selects and the session may list, as they are made:
// one [Event] for each commit, or on a provider that polls for the newest states that it found, in
// order and without values. It ends with an error, or when the loop or ctx ends. After the events
// that it missed, it yields a bookmark. A program that lists secrets after that bookmark, and then
// applies the events, misses none:
//
//	for event, err := range session.Watch(ctx, myvault.WatchOptions{Prefix: prefix}) {
//		if err != nil { ... }            // ErrStalePosition: start again without After
//		for _, c := range event.Changes { ... }
//		position = event.Position        // resume with After: position
//	}
//
// The right to list is checked for each change when it is delivered. The sequence ends with
// ErrUnauthenticated once the session has ended, and with ErrDenied once the policy allows to list
// nothing that r selects. ErrStalePosition if r.After or the loop is so far behind that changes
// are no longer kept, or if r.After is of another store: list the secrets anew.
//
// A watch is recorded as one entry, before its first event.
func (s *Session) Watch(ctx context.Context, r WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w, err := s.openWatch(ctx, r)
		if err != nil {
			yield(Event{}, fail("watch", Address{}, err))
			return
		}
		defer w.feed.Close()
		w.yield = yield
		if err := w.run(ctx); !errors.Is(err, fs.SkipAll) {
			yield(Event{}, fail("watch", Address(r.Prefix), err))
		}
	}
}

const defaultBookmarkInterval = time.Minute

// watch is a running [Session.Watch].
type watch struct {
	session   *Session
	options   WatchOptions
	feed      Feed
	yield     func(Event, error) bool
	bookmarks *time.Timer // stopped until the watch is current
	current   bool        // all missed events have been delivered
}

// openWatch authorizes and records a watch.
func (s *Session) openWatch(ctx context.Context, r WatchOptions) (*watch, error) {
	if err := r.Prefix.Validate(); err != nil {
		return nil, err
	}
	if r.BookmarkInterval < 0 {
		return nil, fmt.Errorf("%w interval of bookmarks: it is negative", ErrInvalid)
	}
	if r.BookmarkInterval == 0 {
		r.BookmarkInterval = defaultBookmarkInterval
	}
	w := &watch{session: s, options: r}
	if _, err := w.authorize(ctx); err != nil {
		return nil, err
	}
	watcher, ok := s.vault.provider.(Watcher)
	if !ok {
		return nil, fmt.Errorf("this store reports no changes: %w", errors.ErrUnsupported)
	}
	if err := s.vault.recorder.read(ctx, w.entry()); err != nil {
		return nil, err
	}
	feed, err := watcher.Watch(ctx, r.Prefix, r.After)
	w.feed = feed
	return w, err
}

func (w *watch) entry() Entry { return w.session.entry("watch", Address(w.options.Prefix), 0) }

// authorize returns the rights of the session now. It records the refusal if there are none.
func (w *watch) authorize(ctx context.Context) (rights, error) {
	return w.session.authorize(ctx, w.entry(), func(r rights) bool {
		if r.granted == nil {
			return false
		}
		_, some := r.scope(List, w.options.Prefix)
		return some
	})
}

// run delivers events until the watch ends. It returns the reason.
func (w *watch) run(ctx context.Context) error {
	w.bookmarks = time.NewTimer(w.options.BookmarkInterval)
	w.bookmarks.Stop()
	defer w.bookmarks.Stop()
	for {
		policyChange := w.session.vault.policyChange.Wait() // before rights are looked at
		events, err := w.feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := w.deliver(ctx, e); err != nil {
				return err
			}
		}
		ready := w.feed.Ready()
		switch {
		case len(events) > 0:
			ready = alwaysReady
		case !w.current:
			w.current = true
			if err := w.bookmark(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ready:
		case <-policyChange:
			_, err = w.authorize(ctx)
		case <-w.bookmarks.C:
			err = w.bookmark(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

var alwaysReady = func() <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}()

// deliver yields the part of e that the session may list now.
func (w *watch) deliver(ctx context.Context, e Event) error {
	selected := e.Changes[:0:0]
	ofVault := false
	for _, c := range e.Changes {
		reserved := pattern.IsReserved(c.Project)
		ofVault = ofVault || reserved
		if c.Path != "" && !reserved && w.options.Prefix.Contains(c.Address) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 && !ofVault {
		return nil
	}
	// A record of an extension may have ended the session: a token was revoked.
	r, err := w.authorize(ctx)
	if err != nil {
		return err
	}
	e.Changes = selected[:0]
	for _, c := range selected {
		if r.allows(List, c.Address) {
			e.Changes = append(e.Changes, c)
		}
	}
	if len(e.Changes) == 0 {
		return nil
	}
	return w.pass(e)
}

// bookmark yields a bookmark unless the session has ended.
func (w *watch) bookmark(ctx context.Context) error {
	if _, err := w.authorize(ctx); err != nil {
		return err
	}
	return w.pass(Event{Position: w.feed.Position()})
}

func (w *watch) pass(e Event) error {
	if !w.yield(e, nil) {
		return fs.SkipAll // the loop has ended
	}
	if w.current {
		w.bookmarks.Reset(w.options.BookmarkInterval)
	}
	return nil
}
