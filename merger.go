package myvault

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// merger holds entries for a window of time, equal ones as one with a count.
type merger struct {
	window time.Duration
	limit  int64 // of different entries that wait
	share  int64 // of them, those of one holder; 0: all
	write  func(context.Context, ...Entry) error

	flushing chan struct{} // holds one while flush writes, so that close waits for it
	waiting  atomic.Int64  // different entries, those that flush is writing included
	closed   atomic.Bool   // read under the lock of a shard
	shards   [8]shard      // several, so that callers on several cores seldom meet

	mu     sync.Mutex       // taken alone, or after the lock of a shard
	timer  *time.Timer      // runs while entries wait
	shares map[string]int64 // how many of the entries that wait are of a holder; kept where share is set
}

// shard is a part of the entries that wait, by address.
type shard struct {
	mu      sync.Mutex
	pending map[slot]*held
}

// held is an entry that waits, before others of its slot. Count 0: the window is open, nothing to
// write yet.
type held struct {
	Entry
	next *held
}

// slot is what tells most entries apart. Hashing all that makes two entries equal would
// take as long as the rest of a read.
type slot struct {
	addr    Address
	version Version
}

func equal(a, b *Entry) bool {
	return a.Service == b.Service && a.Action == b.Action && a.Outcome == b.Outcome && a.Via == b.Via && a.Remote == b.Remote
}

func newMerger(window time.Duration, limit int64, write func(context.Context, ...Entry) error) *merger {
	m := &merger{window: window, limit: limit, write: write, flushing: make(chan struct{}, 1), shares: map[string]int64{}}
	for i := range m.shards {
		m.shards[i].pending = make(map[slot]*held)
	}
	return m
}

// shard locks and gives the part in which e belongs.
func (m *merger) shard(e *Entry) *shard {
	n := len(e.Address.Path) + len(e.Address.Project)
	if last := len(e.Address.Path) - 1; last >= 0 {
		n += int(e.Address.Path[last])
	}
	s := &m.shards[n%len(m.shards)]
	s.mu.Lock()
	return s
}

// find gives the entry that waits and equals e, or nil.
func (s *shard) find(e *Entry) *Entry {
	for h := s.pending[slot{e.Address, e.Version}]; h != nil; h = h.next {
		if equal(&h.Entry, e) {
			return &h.Entry
		}
	}
	return nil
}

// take merges e, or refuses it where more than the limit would wait.
func (m *merger) take(e *Entry) bool {
	s := m.shard(e)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return false
	}
	if s.count(e) {
		return true
	}
	if m.waits(e, 1) > m.limit {
		m.waits(e, -1)
		return false
	}
	m.hold(s, e)
	return true
}

// first opens a window for e, and gives the entry to write where none was open for it.
func (m *merger) first(e Entry) (Entry, bool) {
	e = m.fit(e)
	s := m.shard(&e)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return e, true
	}
	if s.count(&e) {
		return e, false
	}
	opened := e
	opened.Count = 0
	m.waits(&opened, 1)
	m.hold(s, &opened)
	return e, true
}

// later counts e, to be written when its window ends. Once the merger is closed it refuses.
func (m *merger) later(e Entry) bool {
	e = m.fit(e)
	s := m.shard(&e)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return false
	}
	if !s.count(&e) {
		m.waits(&e, 1)
		m.hold(s, &e)
	}
	return true
}

// waits counts that e waits, or with -1 that it does not any more, and gives how many do.
func (m *merger) waits(e *Entry, n int64) int64 {
	if m.share != 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.shares[holder(e)] += n; m.shares[holder(e)] == 0 {
			delete(m.shares, holder(e))
		}
	}
	return m.waiting.Add(n)
}

// full reports whether no further entry may wait that is like no other, at all or of the holder of e.
func (m *merger) full(e *Entry) bool {
	if m.share == 0 {
		return m.waiting.Load() >= m.limit
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting.Load() >= m.limit || m.shares[holder(e)] >= m.share
}

// holder gives whose share e is of. Whoever fails to log in may say to be any service: all of
// those have one share, so that they take nothing from a service's.
func holder(e *Entry) string {
	if e.Outcome == OutcomeUnauthenticated {
		return ""
	}
	return e.Service
}

// fit takes from e what tells it from others where too many different ones wait.
func (m *merger) fit(e Entry) Entry {
	if !m.full(&e) {
		return e
	}
	s := m.shard(&e)
	defer s.mu.Unlock()
	if s.find(&e) == nil {
		e.Address, e.Version, e.Remote, e.Request = Address{}, 0, "", ""
	}
	return e
}

// count adds e to the equal entry that waits, if there is one.
func (s *shard) count(e *Entry) bool {
	waiting := s.find(e)
	if waiting == nil {
		return false
	}
	if waiting.Count == 0 {
		waiting.First, waiting.Request = e.First, e.Request
	}
	waiting.Count += e.Count
	// An entry that could not be written comes back later than younger ones.
	if e.First.Before(waiting.First) {
		waiting.First = e.First
	}
	if e.Last.After(waiting.Last) {
		waiting.At, waiting.Last = e.At, e.Last
	}
	return true
}

// hold makes a copy of e wait, and starts the window that ends its waiting. The lock of s is held.
func (m *merger) hold(s *shard, e *Entry) {
	at := slot{e.Address, e.Version}
	s.pending[at] = &held{Entry: *e, next: s.pending[at]}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer == nil && !m.closed.Load() {
		m.timer = time.AfterFunc(m.window, func() { _ = m.flush() })
	}
}

// flushed is how many entries are written at once: others who record wait for them.
const flushed = 1000

// flush ends the window and writes what was counted. On failure the entries wait on: once
// the buffer is full, take refuses.
func (m *merger) flush() error {
	m.flushing <- struct{}{}
	defer func() { <-m.flushing }()
	m.mu.Lock()
	m.timer = nil // before the shards are emptied: what comes behind needs another window
	m.mu.Unlock()
	entries := make([]*Entry, 0, m.waiting.Load())
	for i := range m.shards {
		entries = m.empty(&m.shards[i], entries)
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return a.At.Compare(b.At) })
	var failed error
	for some := range slices.Chunk(entries, flushed) {
		if err := m.write(context.Background(), copies(some)...); err != nil {
			m.putBack(some)
			failed = err
		} else {
			for _, e := range some {
				m.waits(e, -1)
			}
		}
	}
	return failed
}

func copies(entries []*Entry) []Entry {
	all := make([]Entry, len(entries))
	for i, e := range entries {
		all[i] = *e
	}
	return all
}

// putBack has entries wait again that could not be written. They keep their place among
// those that wait, so that nobody's coming between takes anything from them.
func (m *merger) putBack(entries []*Entry) {
	for _, e := range entries {
		s := m.shard(e)
		if s.count(e) {
			m.waits(e, -1)
		} else {
			m.hold(s, e)
		}
		s.mu.Unlock()
	}
}

// empty takes what waits out of a shard, and adds what is to be written to entries, which
// count as waiting until they are.
func (m *merger) empty(s *shard, entries []*Entry) []*Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.pending {
		for ; h != nil; h = h.next {
			if h.Count > 0 {
				entries = append(entries, &h.Entry)
			} else {
				m.waits(&h.Entry, -1)
			}
		}
	}
	clear(s.pending)
	return entries
}

// close writes what waits; from then on take and first refuse to hold anything.
func (m *merger) close() error {
	m.closed.Store(true)
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	return m.flush()
}
