package myvault

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// merger holds entries for a window of time, equal ones as one with a count.
type merger struct {
	window time.Duration
	seed   maphash.Seed
	limit  int64 // of different entries that wait
	share  int64 // of them, those of one holder; 0: all
	write  func(context.Context, ...Entry) error

	flushing chan struct{} // holds one while flush writes, so that close waits for it
	waiting  atomic.Int64  // different entries, those that flush is writing included
	closed   atomic.Bool   // read under the lock of a shard
	blocks   sync.Pool     // of *block, for those that wait
	shards   [8]shard      // several, so that callers on several cores seldom meet

	mu     sync.Mutex       // taken alone, or after the lock of a shard
	timer  *time.Timer      // runs while entries wait
	shares map[string]int64 // how many of the entries that wait are of a holder; kept where share is set
}

func newMerger(window time.Duration, limit int64, write func(context.Context, ...Entry) error) *merger {
	m := &merger{window: window, limit: limit, write: write, seed: maphash.MakeSeed(), flushing: make(chan struct{}, 1), shares: map[string]int64{}}
	for i := range m.shards {
		m.shards[i].pending = make(map[uint64]*held)
	}
	return m
}

// take merges an entry, or refuses it where more than the limit would wait.
func (m *merger) take(w *who, h *held) bool {
	hash := m.hashOf(h)
	s := m.shard(hash)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return false
	}
	if s.count(hash, w, h) {
		return true
	}
	if m.waits(w, 1) > m.limit {
		m.waits(w, -1)
		return false
	}
	m.hold(s, hash, w, h)
	return true
}

// first opens a window for e, and gives the entry to write where none was open for it.
func (m *merger) first(e Entry) (Entry, bool) {
	w, h := partsOf(&e)
	hash := m.hashOf(&h)
	s := m.shard(hash)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return e, true
	}
	if s.count(hash, &w, &h) {
		return e, false
	}
	h.count = 0
	m.waits(&w, 1)
	m.hold(s, hash, &w, &h)
	return e, true
}

// later counts e, to be written when its window ends. Once the merger is closed it refuses.
func (m *merger) later(e Entry) bool {
	w, h := partsOf(&e)
	hash := m.hashOf(&h)
	s := m.shard(hash)
	defer s.mu.Unlock()
	if m.closed.Load() {
		return false
	}
	if !s.count(hash, &w, &h) {
		m.waits(&w, 1)
		m.hold(s, hash, &w, &h)
	}
	return true
}

// waits counts that an entry waits, or with -1 that it does not any more, and gives how many do.
func (m *merger) waits(w *who, n int64) int64 {
	if m.share != 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.shares[w.holder()] += n; m.shares[w.holder()] == 0 {
			delete(m.shares, w.holder())
		}
	}
	return m.waiting.Add(n)
}

// full reports whether no further entry may wait that is like no other, at all or of its holder.
func (m *merger) full(w *who) bool {
	if m.share == 0 {
		return m.waiting.Load() >= m.limit
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting.Load() >= m.limit || m.shares[w.holder()] >= m.share
}

// holder gives whose share an entry is of. Whoever fails to log in may say to be any service: all of
// those have one share, so that they take nothing from a service's.
func (w *who) holder() string {
	if w.outcome == OutcomeUnauthenticated {
		return ""
	}
	return w.service
}

// fit drops the details of e if too many distinct entries are pending, and reports whether an equal
// one is already pending.
func (m *merger) fit(e Entry) (_ Entry, waits bool) {
	if m.has(&e) {
		return e, true
	}
	w, _ := partsOf(&e)
	if !m.full(&w) {
		return e, false
	}
	e = e.general()
	return e, m.has(&e)
}

// has reports whether an entry that equals e waits.
func (m *merger) has(e *Entry) bool {
	w, h := partsOf(e)
	hash := m.hashOf(&h)
	s := m.shard(hash)
	defer s.mu.Unlock()
	return s.find(hash, &w, &h) != nil
}

// general returns e without the details that few entries share.
func (e Entry) general() Entry {
	e.Address, e.Version, e.Remote, e.Request = Address{}, 0, "", ""
	return e
}

// hold makes a copy of an entry wait, and starts the window that ends its waiting. The lock of s is held.
func (m *merger) hold(s *shard, hash uint64, w *who, h *held) {
	s.add(hash, w, h, &m.blocks)
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
	all := make([]due, 0, m.waiting.Load())
	var blocks []*block
	for i := range m.shards {
		all, blocks = m.empty(&m.shards[i], all, blocks)
	}
	slices.SortFunc(all, func(a, b due) int { return cmp.Compare(a.at, b.at) })
	var failed error
	for some := range slices.Chunk(all, flushed) {
		if err := m.write(context.Background(), entriesOf(some)...); err != nil {
			m.putBack(some)
			failed = err
		} else {
			for _, d := range some {
				m.waits(d.who, -1)
			}
		}
	}
	for _, b := range blocks {
		clear(b[:])
		m.blocks.Put(b)
	}
	return failed
}

// due is an entry that is to be written, and its time, so that sorting need not look at the entry.
type due struct {
	at int64
	*held
}

func entriesOf(some []due) []Entry {
	all := make([]Entry, len(some))
	for i, d := range some {
		all[i] = d.entry()
	}
	return all
}

// putBack has entries wait again that could not be written. They keep their place among
// those that wait, so that nobody's coming between takes anything from them.
func (m *merger) putBack(some []due) {
	for _, d := range some {
		hash := m.hashOf(d.held)
		s := m.shard(hash)
		if s.count(hash, d.who, d.held) {
			m.waits(d.who, -1)
		} else {
			m.hold(s, hash, d.who, d.held)
		}
		s.mu.Unlock()
	}
}

// empty takes what waits out of a shard, and adds what is to be written to all, which
// counts as waiting until it is. It adds the memory in which that stands to blocks.
func (m *merger) empty(s *shard, all []due, blocks []*block) ([]due, []*block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.all {
		if h.count > 0 {
			all = append(all, due{h.last, h})
		} else {
			m.waits(h.who, -1)
		}
	}
	return all, append(blocks, s.clear()...)
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
