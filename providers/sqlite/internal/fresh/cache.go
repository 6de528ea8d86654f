package fresh

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

// DefaultCacheBytes keeps the rows of some 30,000 secrets of 64 bytes. The garbage
// collector may let the process hold about twice that.
const DefaultCacheBytes = 12 << 20

const (
	ways    = 8   // rows that one set holds
	rowSize = 256 // what a row takes besides its texts and its record, in bytes
)

// Row is what the cache keeps of an address: its head, whose stamp was proved when it was
// read, and the sealed record of its current version, never the value. A row is not
// changed once it is in the cache.
type Row struct {
	ledger.Head                // of no state where the address never had a version
	sealed      []byte         // nil where the address is not live
	sealer      *crypto.Sealer // opens sealed; the epoch's key may leave the file meanwhile
	Hash        uint64
	recent      atomic.Bool // since the hand passed by
}

func (r *Row) size() int64 {
	return rowSize + int64(len(r.Project)+len(r.Path)+len(r.By)+cap(r.sealed))
}

// CanAnswer reports whether the row can answer reads of the current version.
func (r *Row) CanAnswer() bool { return r.State != myvault.Live || r.sealed != nil }

// Secret answers a read of a version, or of the current one for 0. known is false where
// the row cannot tell: an earlier version, or a record that does not open.
func (r *Row) Secret(wanted myvault.Version) (secret myvault.Secret, known bool, err error) {
	if err := r.CheckReadable(wanted); err != nil {
		return secret, true, err
	}
	switch {
	case wanted != 0 && wanted != r.Version:
		return secret, false, nil
	}
	b, err := r.sealer.Open(nil, keyring.Place(r.Address, r.Version), r.sealed)
	if err != nil {
		return secret, false, nil // what the file has decides
	}
	defer clear(b)
	return myvault.Secret{Info: r.Info, Value: myvault.Bytes(b)}, true, nil
}

// Cache is a bounded number of rows, for many readers at once. It knows nothing of
// freshness but one rule: a row enters only in the generation in which its reading began,
// and what removes rows begins the next generation, in one step for both.
//
// The rows lie in sets of a few ways, so that a look-up is a hash and a few loads, without a
// lock; a hand goes round and takes rows that were not used since it passed by (CLOCK).
type Cache struct {
	seed  maphash.Seed
	Slots []slot
	limit int64

	Mu         sync.Mutex
	generation uint64
	Bytes      int64
	hand       int
}

type slot struct {
	tag atomic.Uint64 // the hash of the row; a hint
	Row atomic.Pointer[Row]
}

// NewCache makes a cache for rows of so many bytes in all; nil, which keeps nothing, where
// that is no positive number.
func NewCache(limit int64) *Cache {
	if limit <= 0 {
		return nil
	}
	sets := 1
	for int64(sets)*ways*rowSize < limit {
		sets *= 2
	}
	return &Cache{seed: maphash.MakeSeed(), Slots: make([]slot, sets*ways), limit: limit}
}

func (c *Cache) set(hash uint64) []slot {
	first := int(hash%uint64(len(c.Slots)/ways)) * ways
	return c.Slots[first : first+ways]
}

// Get gives the row of an address, or nil.
func (c *Cache) Get(addr myvault.Address) *Row {
	hash := maphash.Comparable(c.seed, addr)
	set := c.set(hash)
	for i := range set {
		if set[i].tag.Load() != hash {
			continue
		}
		if r := set[i].Row.Load(); r != nil && r.Address == addr {
			if !r.recent.Load() { // writing it each time would slow other processors down
				r.recent.Store(true)
			}
			return r
		}
	}
	return nil
}

// Accepts reports whether a row with a record of n bytes may enter.
func (c *Cache) Accepts(n int) bool { return c != nil && int64(n) <= c.limit/16 }

// Put takes a row whose reading began in that generation; a row of an earlier one may have
// changed since and is dropped.
func (c *Cache) Put(r *Row, generation uint64) {
	r.Hash = maphash.Comparable(c.seed, r.Address)
	c.Mu.Lock()
	defer c.Mu.Unlock()
	if generation != c.generation {
		return
	}
	s := c.findSlot(r)
	c.evict(s)
	s.Row.Store(r)
	s.tag.Store(r.Hash)
	c.Bytes += r.size()
	for c.Bytes > c.limit {
		s := &c.Slots[c.hand]
		c.hand = (c.hand + 1) % len(c.Slots)
		if old := s.Row.Load(); old != nil && !old.recent.Swap(false) {
			c.evict(s)
		}
	}
}

// findSlot gives the slot for a row: that of the same address, an empty one, or one whose row
// was not used.
func (c *Cache) findSlot(r *Row) *slot {
	set := c.set(r.Hash)
	var empty, idle *slot
	for i := range set {
		switch old := set[i].Row.Load(); {
		case old == nil:
			empty = &set[i]
		case old.Address == r.Address:
			return &set[i]
		case !old.recent.Swap(false):
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

func (c *Cache) evict(s *slot) {
	if old := s.Row.Load(); old != nil {
		s.tag.Store(0)
		s.Row.Store(nil)
		c.Bytes -= old.size()
	}
}

// remove begins the next generation, without the rows of those addresses.
func (c *Cache) remove(addresses []myvault.Address) (generation uint64) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	for _, addr := range addresses {
		set := c.set(maphash.Comparable(c.seed, addr))
		for i := range set {
			if old := set[i].Row.Load(); old != nil && old.Address == addr {
				c.evict(&set[i])
			}
		}
	}
	c.generation++
	return c.generation
}

// clear begins the next generation, without rows.
func (c *Cache) clear() (generation uint64) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	if c.Bytes > 0 { // most of the table's memory is not there until it is touched
		for i := range c.Slots {
			c.evict(&c.Slots[i])
		}
	}
	c.generation++
	return c.generation
}

// Size gives how many bytes the rows take.
func (c *Cache) Size() int64 {
	if c == nil {
		return 0
	}
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return c.Bytes
}

// SetRecord puts the record of the row, which was opened, into it, with what opens it.
func (r *Row) SetRecord(c *db.Conn, k *keyring.Ring, record []byte) error {
	epoch, err := crypto.RecordEpoch(record)
	if err == nil {
		r.sealer, err = k.Sealer(c, epoch)
	}
	r.sealed = bytes.Clone(record)
	return err
}
