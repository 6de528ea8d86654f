package rowcache

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// DefaultCacheBytes is enough for the rows of about 30,000 secrets of 64 bytes. Until garbage is
// collected, the process may use about twice as much memory.
const DefaultCacheBytes = 12 << 20

const (
	ways    = 8   // slots of a set
	rowSize = 256 // bytes of a row, without its texts and its record
)

// Row is the cached state of an address: its head, whose row MAC was checked when it was read, and
// the sealed record of its current version. It never has the value in plain text. A row does not
// change once it is in the cache.
type Row struct {
	ledger.Head                // its State is 0 if the address never had a version
	sealed      []byte         // nil if the address is not live
	sealer      *crypto.Sealer // opens sealed, even after its key is removed from the file
	Hash        uint64         // of the address; set by Put
	used        atomic.Bool    // since the hand of CLOCK passed; see Cache
}

func (r *Row) size() int64 {
	return rowSize + int64(len(r.Project)+len(r.Path)+len(r.By)+cap(r.sealed))
}

// CanAnswer reports whether the row can answer reads of the current version.
func (r *Row) CanAnswer() bool { return r.State != myvault.Live || r.sealed != nil }

// Secret returns a version, or the current one for 0. known is false if the row cannot answer: for
// an earlier version, or if the record does not open.
func (r *Row) Secret(wanted myvault.Version) (secret myvault.Secret, known bool, err error) {
	if err := r.CheckReadable(wanted); err != nil {
		return secret, true, err
	}
	if wanted != 0 && wanted != r.Version {
		return secret, false, nil
	}
	b, err := r.sealer.Open(nil, keyring.RecordID(r.Address, r.Version), r.sealed)
	if err != nil {
		return secret, false, nil // fall back to the file
	}
	defer clear(b)
	return myvault.Secret{Info: r.Info, Value: myvault.Bytes(b)}, true, nil
}

// Cache has rows up to a limit of bytes, for concurrent readers. One rule keeps stale rows out:
// a row enters only in the generation in which its reading began. Removing rows starts the next
// generation, in the same critical section.
//
// The cache is set-associative, so a lookup is a hash and a few atomic loads, without a lock. Rows
// are evicted by the CLOCK algorithm: a hand visits all slots in turn and evicts rows that were not
// used since its last visit.
type Cache struct {
	seed  maphash.Seed
	slots []slot
	limit int64

	mu         sync.Mutex
	generation uint64
	bytes      int64
	hand       int
}

type slot struct {
	tag atomic.Uint64 // the hash of the row; only a hint
	Row atomic.Pointer[Row]
}

// NewCache returns a cache for limit bytes of rows. If limit is not positive, it returns nil, which
// accepts no rows.
func NewCache(limit int64) *Cache {
	if limit <= 0 {
		return nil
	}
	sets := 1
	for int64(sets)*ways*rowSize < limit {
		sets *= 2
	}
	return &Cache{seed: maphash.MakeSeed(), slots: make([]slot, sets*ways), limit: limit}
}

func (c *Cache) set(hash uint64) []slot {
	first := int(hash%uint64(len(c.slots)/ways)) * ways
	return c.slots[first : first+ways]
}

// Get returns the row of addr, or nil.
func (c *Cache) Get(addr myvault.Address) *Row {
	hash := maphash.Comparable(c.seed, addr)
	set := c.set(hash)
	for i := range set {
		if set[i].tag.Load() != hash {
			continue
		}
		if r := set[i].Row.Load(); r != nil && r.Address == addr {
			if !r.used.Load() { // storing it on each read would contend for the cache line
				r.used.Store(true)
			}
			return r
		}
	}
	return nil
}

// Accepts reports whether the cache admits a row with a record of n bytes.
func (c *Cache) Accepts(n int) bool { return c != nil && int64(n) <= c.limit/16 }

// Put adds a row whose reading began in generation. If that is not the current generation, it drops
// the row, which may be stale.
func (c *Cache) Put(r *Row, generation uint64) {
	r.Hash = maphash.Comparable(c.seed, r.Address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	s := c.slotFor(r)
	c.drop(s)
	s.Row.Store(r)
	s.tag.Store(r.Hash)
	c.bytes += r.size()
	for c.bytes > c.limit {
		s := &c.slots[c.hand]
		c.hand = (c.hand + 1) % len(c.slots)
		if old := s.Row.Load(); old != nil && !old.used.Swap(false) {
			c.drop(s)
		}
	}
}

// slotFor returns the slot for r: that of the same address, an empty one, or one whose row was not
// used.
func (c *Cache) slotFor(r *Row) *slot {
	set := c.set(r.Hash)
	var empty, idle *slot
	for i := range set {
		switch old := set[i].Row.Load(); {
		case old == nil:
			empty = &set[i]
		case old.Address == r.Address:
			return &set[i]
		case !old.used.Swap(false):
			idle = &set[i]
		}
	}
	switch {
	case empty != nil:
		return empty
	case idle != nil:
		return idle
	}
	return &set[c.hand%ways]
}

func (c *Cache) drop(s *slot) {
	if old := s.Row.Load(); old != nil {
		s.tag.Store(0)
		s.Row.Store(nil)
		c.bytes -= old.size()
	}
}

// remove evicts the rows of addresses and starts the next generation.
func (c *Cache) remove(addresses []myvault.Address) (generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, addr := range addresses {
		set := c.set(maphash.Comparable(c.seed, addr))
		for i := range set {
			if old := set[i].Row.Load(); old != nil && old.Address == addr {
				c.drop(&set[i])
			}
		}
	}
	c.generation++
	return c.generation
}

// clear evicts all rows and starts the next generation.
func (c *Cache) clear() (generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes > 0 { // visiting an empty table would allocate its untouched pages
		for i := range c.slots {
			c.drop(&c.slots[i])
		}
	}
	c.generation++
	return c.generation
}

// Size returns the size of the cached rows in bytes.
func (c *Cache) Size() int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// SetRecord stores a copy of record in r, with the sealer that opens it. It must not be called once
// r is in the cache.
func (r *Row) SetRecord(c *db.Conn, k *keyring.Ring, record []byte) error {
	epoch, err := crypto.RecordEpoch(record)
	if err == nil {
		r.sealer, err = k.Sealer(c, epoch)
	}
	r.sealed = bytes.Clone(record)
	return err
}
