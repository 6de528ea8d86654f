package crypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// MACSize is the size of a MAC, in bytes.
const MACSize = sha256.Size

// Genesis gives what stands for the MAC before the first entry of a chain: 32 zero bytes.
func Genesis() []byte { return make([]byte, MACSize) }

// Chain links entries, each to the one before: MAC(n) = HMAC-SHA256(trail key,
// MAC(n-1) | entry(n)). It may be used by many goroutines.
type Chain struct{ mac keyed }

// NewChain makes the chain of a trail key. ErrKey for the zero Key.
func NewChain(trail Key) (*Chain, error) {
	b, err := trail.bytes()
	if err != nil {
		return nil, err
	}
	return &Chain{mac: newKeyed(b)}, nil
}

// Link gives the MAC of entry, which follows the entry with the MAC prev.
func (c *Chain) Link(prev, entry []byte) []byte { return c.mac.sum(prev, entry) }

// Holds reports, in constant time, whether link is the MAC of entry behind prev.
func (c *Chain) Holds(prev, entry, link []byte) bool {
	return hmac.Equal(c.Link(prev, entry), link)
}

// Stamp authenticates single rows, under a key of its own that is derived from the trail
// key. It may be used by many goroutines.
type Stamp struct{ mac keyed }

// NewStamp derives the key of stamps: HKDF-SHA256(trail key, salt = vault id, info
// "myvault/v1/row"). ErrKey for the zero Key, or for an id of another size.
func NewStamp(trail Key, vault []byte) (*Stamp, error) {
	key, err := derive(trail, vault, labelRow)
	if err != nil {
		return nil, err
	}
	return &Stamp{mac: newKeyed(key)}, nil
}

// Sum gives the MAC of row, the canonical encoding of a row with the name of its table.
func (s *Stamp) Sum(row []byte) []byte { return s.mac.sum(row) }

// Holds reports, in constant time, whether sum is the MAC of row.
func (s *Stamp) Holds(row, sum []byte) bool { return hmac.Equal(s.Sum(row), sum) }

// keyed are HMAC-SHA256 states of one key. To take a used one saves hashing the key again,
// which is half the time of a short row.
type keyed struct{ states *sync.Pool }

func newKeyed(key []byte) keyed {
	return keyed{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k keyed) sum(parts ...[]byte) []byte {
	h := k.states.Get().(hash.Hash)
	defer k.states.Put(h)
	h.Reset()
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum(make([]byte, 0, MACSize))
}
