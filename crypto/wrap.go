package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// VaultIDSize is the size of a vault ID, in bytes. A vault ID is chosen at random when a
// store is created. It is not secret.
const VaultIDSize = 16

// The labels separate the uses of derived keys and of additional data.
const (
	labelWrap   = "myvault/v1/wrap"
	labelCheck  = "myvault/v1/check"
	labelRow    = "myvault/v1/row"
	labelRecord = "myvault/v1/record"
)

// The labels of the keys that a [Master] wraps.
const (
	LabelData  = "data"  // the key that seals the values of one epoch
	LabelTrail = "trail" // the key of the chain and of the row MACs; its epoch is 0
	// LabelBackup is the key of the stream of one backup; its epoch is 0.
	LabelBackup = "backup"
)

// Master holds the keys derived from the master key for one vault. It is safe for concurrent
// use.
type Master struct {
	wrap  cipher.AEAD
	check []byte
	vault []byte
}

// NewMaster derives the keys of the vault with the ID vault from its master key, by
// HKDF-SHA256 (RFC 5869). It returns ErrKey for the zero Key and for an ID of the wrong size.
func NewMaster(master Key, vault []byte) (*Master, error) {
	wrap, err := derive(master, vault, labelWrap)
	if err != nil {
		return nil, err
	}
	check, err := derive(master, vault, labelCheck)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(wrap)
	if err != nil {
		return nil, err
	}
	return &Master{wrap: aead, check: check, vault: append([]byte(nil), vault...)}, nil
}

// CheckValue returns the key check value, which a store keeps to recognize its key. It reveals
// nothing about the key. The caller owns the 32 bytes.
func (m *Master) CheckValue() []byte { return append([]byte(nil), m.check...) }

// Matches reports, in constant time, whether check belongs to the same key and vault ID.
func (m *Master) Matches(check []byte) bool { return hmac.Equal(m.check, check) }

// Wrap encrypts a key for storage: IV(12) | ciphertext(32) | tag(16). It can be unwrapped
// only with the same label and epoch. It returns ErrKey for the zero Key.
func (m *Master) Wrap(k Key, label string, epoch uint32) ([]byte, error) {
	b, err := k.bytes()
	if err != nil {
		return nil, err
	}
	return m.wrap.Seal(nil, nil, b, m.additional(label, epoch)), nil
}

// Unwrap decrypts a key that [Master.Wrap] encrypted, or returns ErrOpen.
func (m *Master) Unwrap(wrapped []byte, label string, epoch uint32) (Key, error) {
	b, err := m.wrap.Open(nil, nil, wrapped, m.additional(label, epoch))
	if err != nil || len(b) != KeySize {
		return Key{}, fmt.Errorf("%w: a wrapped key", ErrOpen)
	}
	return newKey(b), nil
}

// additional returns the additional data of a wrapped key.
func (m *Master) additional(label string, epoch uint32) []byte {
	var b cryptobyte.Builder
	addShort(&b, []byte(labelWrap))
	addShort(&b, []byte(label))
	addShort(&b, m.vault)
	b.AddUint32(epoch)
	return b.BytesOrPanic()
}

// derive returns the key for one purpose. The salt is the vault ID, so that one master key
// can serve several vaults.
func derive(k Key, vault []byte, info string) ([]byte, error) {
	secret, err := k.bytes()
	if err != nil {
		return nil, err
	}
	if len(vault) != VaultIDSize {
		return nil, fmt.Errorf("%w: a vault ID has %d bytes, not %d", ErrKey, VaultIDSize, len(vault))
	}
	return hkdf.Key(sha256.New, secret, vault, info, KeySize)
}

// newAEAD returns AES-256-GCM with a random IV for each message, stored before the ciphertext.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// addShort adds the length of v in one byte, then v.
func addShort(b *cryptobyte.Builder, v []byte) {
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) })
}
