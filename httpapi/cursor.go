package httpapi

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/myswiftagent/myvault"
)

// cursors seals the positions of listings. The key is derived from a record of the vault, so a
// listing goes on at another server of the store and after a restart. The record is made when the
// first position is sealed. As long as the store does not take it, the key is the handler's own.
type cursors struct {
	vault     *myvault.Vault
	extension *myvault.Extension
	own       cipher.AEAD
	shared    atomic.Pointer[cipher.AEAD]
	readOnly  atomic.Bool // the store takes no record at all
}

// keyRecord is the path of the record.
const keyRecord = "key"

func newCursors(vault *myvault.Vault) (*cursors, error) {
	extension, err := vault.Extend("cursors")
	if err != nil {
		return nil, err
	}
	c := &cursors{vault: vault, extension: extension}
	c.own, err = c.derive(randomKey())
	return c, err
}

func randomKey() []byte {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails: without randomness it crashes the program
	return key
}

// derive makes the cipher of a key and of this life of the store: a copy of the store has the same
// record. Nonces are long enough to be drawn at random for as long as the record lasts.
func (c *cursors) derive(key []byte) (cipher.AEAD, error) {
	if len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("httpapi: %w: the key of cursors has another size", myvault.ErrTampered)
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "myvault/v1/cursors/"+c.vault.Incarnation(), chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("httpapi: cursor key: %w", err)
	}
	return chacha20poly1305.NewX(derived)
}

// seal returns plain encrypted, and bound to the bytes in about.
func (c *cursors) seal(ctx context.Context, plain, about []byte) []byte {
	key, err := c.load(ctx)
	if errors.Is(err, myvault.ErrNotFound) && !c.readOnly.Load() {
		key, err = c.create(ctx)
	}
	if err != nil {
		key = c.own
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	_, _ = rand.Read(nonce)
	return key.Seal(nonce, nonce, plain, about)
}

// wrongCursor is the answer to a cursor that no server of this store has sealed for the same
// listing.
func wrongCursor() error {
	return badRequest("the cursor belongs to another listing or is too old; start again without cursor")
}

// open returns what seal was given. The error is wrongCursor, or that of the store.
func (c *cursors) open(ctx context.Context, sealed, about []byte) ([]byte, error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, wrongCursor()
	}
	nonce, sealed := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	if plain, err := c.own.Open(nil, nonce, sealed, about); err == nil {
		return plain, nil
	}
	key, err := c.load(ctx)
	if errors.Is(err, myvault.ErrNotFound) {
		return nil, wrongCursor()
	}
	if err != nil {
		return nil, err
	}
	plain, err := key.Open(nil, nonce, sealed, about)
	if err != nil {
		return nil, wrongCursor()
	}
	return plain, nil
}

// load returns the key that the servers of the store share. It asks the store until there is one.
func (c *cursors) load(ctx context.Context) (cipher.AEAD, error) {
	if shared := c.shared.Load(); shared != nil {
		return *shared, nil
	}
	record, err := c.extension.GetRecord(ctx, keyRecord)
	if err != nil {
		return nil, err
	}
	key := record.Value.RevealBytes()
	defer clear(key)
	shared, err := c.derive(key)
	if err == nil {
		c.shared.Store(&shared)
	}
	return shared, err
}

// create makes the record, unless another server does so first.
func (c *cursors) create(ctx context.Context) (cipher.AEAD, error) {
	_, err := c.extension.PutRecord(ctx, c.vault.As("httpapi"), keyRecord, myvault.Bytes(randomKey()), myvault.IfAbsent())
	if errors.Is(err, errors.ErrUnsupported) {
		c.readOnly.Store(true)
	}
	return c.load(ctx)
}
