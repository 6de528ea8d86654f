package myvault

import (
	"context"
	"slices"
	"sync"
	"time"
)

// merger holds entries for a window of time, equal ones as one with a count.
type merger struct {
	window time.Duration
	limit  int // of different entries that wait
	write  func(context.Context, ...Entry) error

	flushing chan struct{} // holds one while flush writes, so that close waits for it

	mu      sync.Mutex
	pending map[entryKey]*Entry // Count 0: the window is open, nothing to write yet
	writing int                 // entries that flush is writing; they may come back
	timer   *time.Timer         // runs while pending is not empty
	closed  bool
}

func newMerger(window time.Duration, limit int, write func(context.Context, ...Entry) error) *merger {
	return &merger{
		window: window, limit: limit, write: write,
		flushing: make(chan struct{}, 1), pending: make(map[entryKey]*Entry),
	}
}

// entryKey is what makes two entries equal.
type entryKey struct {
	service, via, remote, action string
	address                      Address
	version                      Version
	outcome                      Outcome
}

func keyOf(e Entry) entryKey {
	return entryKey{e.Service, e.Via, e.Remote, e.Action, e.Address, e.Version, e.Outcome}
}

// take merges all entries, or none where more than the limit would wait.
func (m *merger) take(entries ...Entry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.pending)+m.writing+len(entries) > m.limit {
		return false
	}
	for _, e := range entries {
		m.count(e)
	}
	return true
}

// first opens a window for e, and gives the entry to write where none was open for it.
func (m *merger) first(e Entry) (Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return e, true
	}
	m.fit(&e)
	if m.pending[keyOf(e)] != nil {
		m.count(e)
		return e, false
	}
	opened := e
	opened.Count = 0
	m.pending[keyOf(e)] = &opened
	m.start()
	return e, true
}

// later counts e, to be written when its window ends.
func (m *merger) later(e Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fit(&e)
	m.count(e)
}

// fit takes from e what tells it from others where too many different ones wait.
func (m *merger) fit(e *Entry) {
	if m.pending[keyOf(*e)] == nil && len(m.pending) >= m.limit {
		e.Address, e.Version, e.Remote, e.Request = Address{}, 0, "", ""
	}
}

// count adds e to the equal entry that waits, or makes it wait.
func (m *merger) count(e Entry) {
	waiting := m.pending[keyOf(e)]
	if waiting == nil {
		m.pending[keyOf(e)] = &e
		m.start()
		return
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
}

func (m *merger) start() {
	if m.timer == nil && !m.closed {
		m.timer = time.AfterFunc(m.window, func() { _ = m.flush() })
	}
}

// flush ends the window and writes what was counted. On failure the entries wait on: once
// the buffer is full, take refuses.
func (m *merger) flush() error {
	m.flushing <- struct{}{}
	defer func() { <-m.flushing }()
	m.mu.Lock()
	var entries []Entry
	for _, e := range m.pending {
		if e.Count > 0 {
			entries = append(entries, *e)
		}
	}
	clear(m.pending)
	m.writing += len(entries)
	m.timer = nil
	m.mu.Unlock()

	slices.SortFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	err := m.write(context.Background(), entries...)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing -= len(entries)
	if err != nil {
		for _, e := range entries {
			m.count(e)
		}
	}
	return err
}

func (m *merger) close() error {
	m.mu.Lock()
	m.closed = true
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	return m.flush()
}
