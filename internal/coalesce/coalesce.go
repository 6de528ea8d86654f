// Package coalesce merges equal events within a window of time into one with a count.
package coalesce

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Event is one event, or several with equal keys.
type Event[K comparable] struct {
	Key         K
	Count       uint64 // 0: the window is open, but there is nothing to write
	First, Last int64  // in Unix microseconds
	Detail      string // of the first event
}

// Config configures a Buffer.
type Config[K comparable] struct {
	Window time.Duration
	Limit  int64                        // of distinct events that are pending
	Quota  int64                        // of those, of one owner; 0: no quota
	Owner  func(K) string               // the owner of an event; needed with a quota
	Hash   func(maphash.Seed, K) uint64 // distributes the keys
	Write  func(context.Context, []Event[K]) error
}

// Buffer holds events until their window ends. It may be used by many goroutines.
type Buffer[K comparable] struct {
	config  Config[K]
	seed    maphash.Seed
	writing chan struct{} // has an element while Flush writes, so that Close waits for it
	pending atomic.Int64  // distinct events, those that Flush is writing included
	closed  atomic.Bool   // read under the lock of a shard
	shards  [8]shard[K]   // several, so that callers on several cores seldom wait for each other

	mu     sync.Mutex       // locked alone, or after a shard
	timer  *time.Timer      // runs while events are pending
	owners map[string]int64 // pending events by owner, with a quota
}

// shard is a part of the pending events.
type shard[K comparable] struct {
	mu     sync.Mutex
	events map[uint64]*entry[K] // by the hash of the key
}

type entry[K comparable] struct {
	Event[K]
	next *entry[K] // with the same hash
}

// New returns an empty buffer.
func New[K comparable](config Config[K]) *Buffer[K] {
	b := &Buffer[K]{config: config, seed: maphash.MakeSeed(), writing: make(chan struct{}, 1), owners: make(map[string]int64)}
	for i := range b.shards {
		b.shards[i].events = make(map[uint64]*entry[K])
	}
	return b
}

// Add merges e with the pending event that has its key. It reports false if the buffer is closed,
// or if it is full and no such event is pending.
func (b *Buffer[K]) Add(e *Event[K]) bool {
	return b.add(e, b.config.Limit)
}

// AddAlways is Add for a buffer that may be full.
func (b *Buffer[K]) AddAlways(e *Event[K]) bool {
	return b.add(e, math.MaxInt64)
}

// Begin reports whether no window is open for e's key. It then opens one, and the caller has to
// write e. Otherwise e is merged with the pending event. A closed buffer opens no windows.
func (b *Buffer[K]) Begin(e *Event[K]) bool {
	opening := *e
	opening.Count = 0
	s, hash := b.lock(e.Key)
	defer s.mu.Unlock()
	if b.closed.Load() {
		return true
	}
	if pending := s.find(hash, e.Key); pending != nil {
		pending.merge(e)
		return false
	}
	b.count(e.Key, 1)
	b.insert(s, hash, &opening)
	return true
}

// add merges e unless there would be more than limit pending events.
func (b *Buffer[K]) add(e *Event[K], limit int64) bool {
	s, hash := b.lock(e.Key)
	defer s.mu.Unlock()
	if b.closed.Load() {
		return false
	}
	if pending := s.find(hash, e.Key); pending != nil {
		pending.merge(e)
		return true
	}
	if b.count(e.Key, 1) > limit {
		b.count(e.Key, -1)
		return false
	}
	b.insert(s, hash, e)
	return true
}

// lock locks and returns the shard of a key, and returns the hash of the key.
func (b *Buffer[K]) lock(key K) (*shard[K], uint64) {
	hash := b.config.Hash(b.seed, key)
	s := &b.shards[(hash>>32)%uint64(len(b.shards))]
	s.mu.Lock()
	return s, hash
}

func (s *shard[K]) find(hash uint64, key K) *entry[K] {
	for e := s.events[hash]; e != nil; e = e.next {
		if e.Key == key {
			return e
		}
	}
	return nil
}

// insert adds a copy of e to a locked shard, and starts the window if none is open.
func (b *Buffer[K]) insert(s *shard[K], hash uint64, e *Event[K]) {
	s.events[hash] = &entry[K]{*e, s.events[hash]}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer == nil && !b.closed.Load() {
		b.timer = time.AfterFunc(b.config.Window, func() { _ = b.Flush(context.Background()) })
	}
}

func (e *entry[K]) merge(other *Event[K]) {
	if e.Count == 0 {
		e.First, e.Detail = other.First, other.Detail
	}
	e.Count += other.Count
	// An event that could not be written returns after younger ones.
	e.First = min(e.First, other.First)
	e.Last = max(e.Last, other.Last)
}

// count adds n to the number of pending events and returns it.
func (b *Buffer[K]) count(key K, n int64) int64 {
	if b.config.Quota != 0 {
		owner := b.config.Owner(key)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.owners[owner] += n; b.owners[owner] == 0 {
			delete(b.owners, owner)
		}
	}
	return b.pending.Add(n)
}

// Has reports whether an event with that key is pending.
func (b *Buffer[K]) Has(key K) bool {
	s, hash := b.lock(key)
	defer s.mu.Unlock()
	return s.find(hash, key) != nil
}

// Full reports whether no further distinct event may become pending, in total or of key's owner.
func (b *Buffer[K]) Full(key K) bool {
	if b.config.Quota == 0 {
		return b.pending.Load() >= b.config.Limit
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending.Load() >= b.config.Limit || b.owners[b.config.Owner(key)] >= b.config.Quota
}

// Pending returns the number of distinct pending events.
func (b *Buffer[K]) Pending() int64 { return b.pending.Load() }

// Oldest returns the time of the oldest event to be written, or zero if there is none.
func (b *Buffer[K]) Oldest() (oldest time.Time) {
	first := int64(math.MaxInt64)
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		for e := range s.all {
			if e.Count > 0 {
				first = min(first, e.First)
			}
		}
		s.mu.Unlock()
	}
	if first < math.MaxInt64 {
		oldest = time.UnixMicro(first)
	}
	return oldest
}

// all yields the events of a locked shard.
func (s *shard[K]) all(yield func(*entry[K]) bool) {
	for _, e := range s.events {
		for ; e != nil; e = e.next {
			if !yield(e) {
				return
			}
		}
	}
}

// batch is how many events are written at once. Other writers wait meanwhile.
const batch = 1000

// Flush ends the window and writes the pending events, ordered by time. Events that cannot be
// written stay pending; once the buffer is full, Add refuses others. If ctx ends while another
// Flush writes, Flush returns its error.
func (b *Buffer[K]) Flush(ctx context.Context) error {
	select {
	case b.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.writing }()
	b.mu.Lock()
	b.timer = nil // before the shards are emptied: later events need another window
	b.mu.Unlock()
	events := make([]Event[K], 0, b.pending.Load())
	for i := range b.shards {
		events = b.take(&b.shards[i], events)
	}
	slices.SortFunc(events, func(x, y Event[K]) int { return cmp.Compare(x.Last, y.Last) })
	var failed error
	for some := range slices.Chunk(events, batch) {
		if err := b.config.Write(ctx, some); err != nil {
			b.putBack(some)
			failed = err
			continue
		}
		for i := range some {
			b.count(some[i].Key, -1)
		}
	}
	return failed
}

// take empties a shard and appends the events with a count to events; they stay pending.
func (b *Buffer[K]) take(s *shard[K], events []Event[K]) []Event[K] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.all {
		if e.Count > 0 {
			events = append(events, e.Event)
		} else {
			b.count(e.Key, -1)
		}
	}
	clear(s.events)
	return events
}

// putBack returns events that could not be written. They are still counted as pending, so no other
// event has taken their room.
func (b *Buffer[K]) putBack(events []Event[K]) {
	for i := range events {
		s, hash := b.lock(events[i].Key)
		if pending := s.find(hash, events[i].Key); pending != nil {
			pending.merge(&events[i])
			b.count(events[i].Key, -1)
		} else {
			b.insert(s, hash, &events[i])
		}
		s.mu.Unlock()
	}
}

// Close writes the pending events. From then on Add and Begin merge nothing.
func (b *Buffer[K]) Close() error {
	b.closed.Store(true)
	b.mu.Lock()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	return b.Flush(context.Background())
}
