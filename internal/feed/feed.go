// Package feed keeps the newest commits of a store in memory, for its watchers. Any number of feeds
// read the same commits: a feed is only a sequence number, and unread commits take no memory.
package feed

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/broadcast"
)

// Log is the newest commits of a store. Make one with New.
type Log struct {
	incarnation string
	keep        uint64 // changes

	mu         sync.RWMutex
	start, end uint64          // the log has the changes after start up to end
	events     []myvault.Event // oldest first; the array only grows, so a slice is a snapshot
	last       []uint64        // the sequence of the last change of each event
	err        error           // why the log has ended
	changed    broadcast.Broadcast
}

// New returns a log of an incarnation of a store that has had end changes. It keeps at least the
// newest keep changes.
func New(incarnation string, keep int, end uint64) *Log {
	return &Log{incarnation: incarnation, keep: uint64(keep), start: end, end: end}
}

// Append adds a commit, whose changes have the next sequences. Its Position is set.
func (l *Log) Append(e myvault.Event) {
	if len(e.Changes) == 0 {
		return
	}
	l.mu.Lock()
	l.end += uint64(len(e.Changes))
	e.Position = myvault.PositionAfter(l.incarnation, l.end)
	// Drop old events in bulk, so that the cost of one is constant.
	if l.end-l.start > l.keep+l.keep/2 {
		first, _ := slices.BinarySearch(l.last, l.end-l.keep+1)
		if first > 0 {
			l.start = l.last[first-1]
		}
		l.events, l.last = slices.Clone(l.events[first:]), slices.Clone(l.last[first:])
	}
	l.events, l.last = append(l.events, e), append(l.last, l.end)
	l.mu.Unlock()
	l.changed.Notify()
}

// Skip drops all commits up to seq. Feeds that have not read them read them from the store, or get
// ErrStalePosition.
func (l *Log) Skip(seq uint64) {
	l.mu.Lock()
	l.start, l.end, l.events, l.last = seq, seq, nil, nil
	l.mu.Unlock()
	l.changed.Notify()
}

// End ends all feeds with err.
func (l *Log) End(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	l.changed.Notify()
}

// Last returns the sequence of the newest change.
func (l *Log) Last() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.end
}

// MaxChanges is the number of changes after which [Feed.Next] returns. The last event may exceed
// it.
const MaxChanges = 1000

// after returns the next events after seq, and the sequence of the last change in them. If the log
// no longer has all of them, it returns the sequence after which it has.
func (l *Log) after(seq uint64) (events []myvault.Event, missing, end uint64, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.err != nil:
		return nil, 0, 0, l.err
	case seq > l.end:
		return nil, 0, 0, fmt.Errorf("%w: the store has not had so many changes", myvault.ErrStalePosition)
	case l.end-seq > l.keep:
		return nil, 0, 0, fmt.Errorf("%w: %d changes were made since", myvault.ErrStalePosition, l.end-seq)
	case seq < l.start:
		return nil, l.start, l.end, nil
	}
	first, _ := slices.BinarySearch(l.last, seq+1)
	if first == len(l.events) {
		return nil, 0, seq, nil
	}
	last, _ := slices.BinarySearch(l.last, seq+MaxChanges)
	last = min(last, len(l.last)-1)
	events = slices.Clone(l.events[first : last+1])
	// seq may be within the first event: it may be two events for another feed.
	if before := l.last[first] - uint64(len(events[0].Changes)); before < seq {
		events[0].Changes = events[0].Changes[seq-before:]
	}
	return events, 0, l.last[last], nil
}

// Source is the store below a Log. Each function may be nil.
type Source struct {
	// Refresh appends to the log what was committed before the call.
	Refresh func(context.Context) error
	// Older returns the next events that the log no longer has: those after a sequence, up to
	// another or less far. If it is nil, they are ErrStalePosition.
	Older func(ctx context.Context, after, upTo uint64) ([]myvault.Event, error)
	// Close is called once, when the feed is closed.
	Close func()
}

// Feed is a [myvault.Feed] over a Log.
type Feed struct {
	log    *Log
	source Source
	seq    uint64 // of the last change that was read
	closed bool
}

var _ myvault.Feed = (*Feed)(nil)

// Open returns a feed of the commits after a position, or of those from now on if it is "".
func (l *Log) Open(after myvault.Position, source Source) (*Feed, error) {
	f := &Feed{log: l, source: source, seq: l.Last()}
	if after != "" {
		var err error
		if f.seq, err = after.Seq(l.incarnation); err != nil {
			return nil, err
		}
	}
	_, missing, _, err := l.after(f.seq)
	if err == nil && missing > 0 && source.Older == nil {
		err = gone()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func gone() error {
	return fmt.Errorf("%w: the changes after it are no longer kept", myvault.ErrStalePosition)
}

// Next implements [myvault.Feed].
func (f *Feed) Next(ctx context.Context) ([]myvault.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.source.Refresh != nil {
		if err := f.source.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	events, missing, end, err := f.log.after(f.seq)
	switch {
	case err != nil:
		return nil, err
	case missing == 0:
		f.seq = end
		return events, nil
	case f.source.Older == nil:
		return nil, gone()
	}
	if events, err = f.source.Older(ctx, f.seq, missing); err != nil {
		return nil, err
	}
	for _, e := range events {
		f.seq += uint64(len(e.Changes))
	}
	return events, nil
}

// Position implements [myvault.Feed].
func (f *Feed) Position() myvault.Position {
	return myvault.PositionAfter(f.log.incarnation, f.seq)
}

// Ready implements [myvault.Feed].
func (f *Feed) Ready() <-chan struct{} {
	changed := f.log.changed.Wait() // before the log is looked at
	f.log.mu.RLock()
	defer f.log.mu.RUnlock()
	if f.log.end != f.seq || f.log.err != nil {
		return always
	}
	return changed
}

var always = func() <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}()

// Close implements [myvault.Feed].
func (f *Feed) Close() {
	if !f.closed && f.source.Close != nil {
		f.source.Close()
	}
	f.closed = true
}
