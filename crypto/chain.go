package crypto

import (
	"crypto/hmac"
	"crypto/sha256"
)

// MACSize is the size of a MAC, in bytes.
const MACSize = sha256.Size

// Genesis gives what stands for the MAC before the first entry of a chain: 32 zero bytes.
func Genesis() []byte { return make([]byte, MACSize) }

// Chain links entries, each to the one before: MAC(n) = HMAC-SHA256(trail key,
// MAC(n-1) | entry(n)). It may be used by many goroutines.
type Chain struct{ key []byte }

// NewChain makes the chain of a trail key. ErrKey for the zero Key.
func NewChain(trail Key) (*Chain, error) {
	b, err := trail.bytes()
	if err != nil {
		return nil, err
	}
	return &Chain{key: b}, nil
}

// Link gives the MAC of entry, which follows the entry with the MAC prev.
func (c *Chain) Link(prev, entry []byte) []byte { return mac(c.key, prev, entry) }

// Holds reports, in constant time, whether link is the MAC of entry behind prev.
func (c *Chain) Holds(prev, entry, link []byte) bool {
	return hmac.Equal(c.Link(prev, entry), link)
}

// Stamp authenticates single rows, under a key of its own that is derived from the trail
// key. It may be used by many goroutines.
type Stamp struct{ key []byte }

// NewStamp derives the key of stamps: HKDF-SHA256(trail key, salt = vault id, info
// "myvault/v1/row"). ErrKey for the zero Key, or for an id of another size.
func NewStamp(trail Key, vault []byte) (*Stamp, error) {
	key, err := derive(trail, vault, labelRow)
	if err != nil {
		return nil, err
	}
	return &Stamp{key: key}, nil
}

// Sum gives the MAC of row, the canonical encoding of a row with the name of its table.
func (s *Stamp) Sum(row []byte) []byte { return mac(s.key, row) }

// Holds reports, in constant time, whether sum is the MAC of row.
func (s *Stamp) Holds(row, sum []byte) bool { return hmac.Equal(s.Sum(row), sum) }

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum(nil)
}
