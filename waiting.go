package myvault

import (
	"hash/maphash"
	"sync"
	"time"
)

// who is what the entries of one caller for one kind of action have in common. Few are different, so entries
// that wait share them.
type who struct {
	service, via, remote, action string
	outcome                      Outcome
}

// held is an entry that waits, without what its who says. It is a third of an [Entry], and at full speed there are
// ten thousand of them. Count 0: the window is open, nothing to write yet.
type held struct {
	who         *who  // set once it waits
	next        *held // of those with the same hash
	addr        Address
	version     Version
	request     string
	count       uint64
	first, last int64 // in Unix microseconds; last is its time, too
}

// partsOf takes an entry apart that nobody has written yet.
func partsOf(e *Entry) (who, held) {
	return who{service: e.Service, via: e.Via, remote: e.Remote, action: e.Action, outcome: e.Outcome},
		held{addr: e.Address, version: e.Version, request: e.Request, count: e.Count, first: e.First.UnixMicro(), last: e.Last.UnixMicro()}
}

// entry puts it together again.
func (h *held) entry() Entry {
	last := time.UnixMicro(h.last).UTC()
	return Entry{
		At: last, Service: h.who.service, Via: h.who.via, Request: h.request, Remote: h.who.remote, Action: h.who.action, Address: h.addr,
		Version: h.version, Outcome: h.who.outcome, Count: h.count, First: time.UnixMicro(h.first).UTC(), Last: last,
	}
}

// block is the memory of some that wait.
type block [64]held

// shard is a part of the entries that wait, by address.
type shard struct {
	mu      sync.Mutex
	pending map[uint64]*held // by the hash of address and version
	blocks  []*block         // where they are, in the order in which they came
	used    int              // of the last block
	who     *who             // of the last one that came
}

// hashOf gives the hash of what tells most entries apart.
func (m *merger) hashOf(h *held) uint64 {
	return maphash.Comparable(m.seed, h.addr) + uint64(h.version)
}

// shard locks and gives the part in which an entry with that hash belongs.
func (m *merger) shard(hash uint64) *shard {
	s := &m.shards[(hash>>32)%uint64(len(m.shards))]
	s.mu.Lock()
	return s
}

// find gives the entry that waits and equals this one, or nil.
func (s *shard) find(hash uint64, w *who, h *held) *held {
	for waiting := s.pending[hash]; waiting != nil; waiting = waiting.next {
		if waiting.addr == h.addr && waiting.version == h.version && *waiting.who == *w {
			return waiting
		}
	}
	return nil
}

// count adds an entry to the equal one that waits, if there is one.
func (s *shard) count(hash uint64, w *who, h *held) bool {
	waiting := s.find(hash, w, h)
	if waiting == nil {
		return false
	}
	if waiting.count == 0 {
		waiting.first, waiting.request = h.first, h.request
	}
	waiting.count += h.count
	// An entry that could not be written comes back later than younger ones.
	waiting.first = min(waiting.first, h.first)
	waiting.last = max(waiting.last, h.last)
	return true
}

// add has a copy of an entry wait. blocks gives memory for it.
func (s *shard) add(hash uint64, w *who, h *held, blocks *sync.Pool) {
	if len(s.blocks) == 0 || s.used == len(block{}) {
		b, ok := blocks.Get().(*block)
		if !ok {
			b = new(block)
		}
		s.blocks, s.used = append(s.blocks, b), 0
	}
	if s.who == nil || *s.who != *w {
		s.who = new(who)
		*s.who = *w
	}
	waiting := &s.blocks[len(s.blocks)-1][s.used]
	s.used++
	*waiting = *h
	waiting.who, waiting.next = s.who, s.pending[hash]
	s.pending[hash] = waiting
}

// all yields what waits. The lock of s is held.
func (s *shard) all(yield func(*held) bool) {
	for i, b := range s.blocks {
		used := len(b)
		if i == len(s.blocks)-1 {
			used = s.used
		}
		for n := range used {
			if !yield(&b[n]) {
				return
			}
		}
	}
}

// clear forgets what waits, and gives the memory in which it stands on.
func (s *shard) clear() []*block {
	blocks := s.blocks
	clear(s.pending)
	s.blocks, s.used, s.who = nil, 0, nil
	return blocks
}
