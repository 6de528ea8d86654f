package crypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// MACSize is the size of a MAC, in bytes.
const MACSize = sha256.Size

// Genesis returns the MAC that precedes the first entry of a chain: 32 zero bytes.
func Genesis() []byte { return make([]byte, MACSize) }

// Chain authenticates a sequence of entries. Each MAC covers the one before:
// MAC(n) = HMAC-SHA256(trail key, MAC(n-1) | entry(n)). It is safe for concurrent use.
type Chain struct{ mac macPool }

// NewChain returns the chain of a trail key. It returns ErrKey for the zero Key.
func NewChain(trail Key) (*Chain, error) {
	b, err := trail.bytes()
	if err != nil {
		return nil, err
	}
	return &Chain{mac: newMACPool(b)}, nil
}

// Link returns the MAC of entry, given prev, the MAC of the entry before it.
func (c *Chain) Link(prev, entry []byte) []byte { return c.mac.sum(prev, entry) }

// Verify reports, in constant time, whether link is the MAC of entry after prev.
func (c *Chain) Verify(prev, entry, link []byte) bool {
	return hmac.Equal(c.Link(prev, entry), link)
}

// RowMAC authenticates single rows with a separate key, derived from the trail key. It is
// safe for concurrent use.
type RowMAC struct{ mac macPool }

// NewRowMAC derives the key of row MACs: HKDF-SHA256(trail key, salt = vault ID, info
// "myvault/v1/row"). It returns ErrKey for the zero Key and for a vault ID of the wrong size.
func NewRowMAC(trail Key, vault []byte) (*RowMAC, error) {
	key, err := derive(trail, vault, labelRow)
	if err != nil {
		return nil, err
	}
	return &RowMAC{mac: newMACPool(key)}, nil
}

// Sum returns the MAC of row, the canonical encoding of a row and the name of its table.
func (s *RowMAC) Sum(row []byte) []byte { return s.mac.sum(row) }

// Verify reports, in constant time, whether sum is the MAC of row.
func (s *RowMAC) Verify(row, sum []byte) bool { return hmac.Equal(s.Sum(row), sum) }

// macPool pools HMAC-SHA256 states of one key. Reusing a state saves hashing the key again,
// which is half the time of a short row.
type macPool struct{ states *sync.Pool }

func newMACPool(key []byte) macPool {
	return macPool{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (p macPool) sum(parts ...[]byte) []byte {
	h := p.states.Get().(hash.Hash)
	defer p.states.Put(h)
	h.Reset()
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum(make([]byte, 0, MACSize))
}
