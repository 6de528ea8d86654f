package httpapi

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/myswiftagent/myvault"
)

// maxPage is the largest number of items of one page, and how many there are unless limit
// says less.
const maxPage = 1000

// limit reads the parameter of that name.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return maxPage, nil
	}
	limit, err := strconv.ParseUint(text, 10, 16)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, badRequest("invalid query parameter limit: use a number from 1 to 1000")
	}
	return int(limit), nil
}

// cursorBlock is what the size of a cursor is a multiple of: the name in it may be one that
// the caller must not see, and neither must its length be.
const cursorBlock = 256

// next returns the Link header to the items behind fields, which only servers of this store can
// read.
func (c *call) next(fields ...string) string {
	plain := []byte(strings.Join(fields, "\x00"))
	plain = append(plain, make([]byte, cursorBlock-len(plain)%cursorBlock)...)
	sealed := c.api.cursors.seal(c.ctx(), plain, c.cursorContext())
	query := maps.Clone(c.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("cursor", base64.RawURLEncoding.EncodeToString(sealed))
	return "<" + c.prefix() + c.request.URL.EscapedPath() + "?" + query.Encode() + `>; rel="next"`
}

// cursor gives the fields that next sealed; nil where the listing begins.
func (c *call) cursor() ([]string, error) {
	text := c.query.Get("cursor")
	if text == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, wrongCursor()
	}
	plain, err := c.api.cursors.open(c.ctx(), sealed, c.cursorContext())
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(plain), "\x00"), "\x00"), nil
}

// cursorContext is what a cursor is bound to: the route, the caller, and the question.
func (c *call) cursorContext() []byte {
	question := maps.Clone(c.query)
	delete(question, "cursor")
	delete(question, "limit")
	return []byte(strings.Join([]string{c.endpoint.Pattern, c.session.Service(), c.addr.Project, question.Encode()}, "\x00"))
}

// after gives the address behind which a listing of secrets goes on.
func (c *call) after() (myvault.Address, error) {
	fields, err := c.cursor()
	if err != nil || fields == nil {
		return myvault.Address{}, err
	}
	switch len(fields) {
	case 1: // before all secrets of a project, or before all projects
		return myvault.Address{Project: fields[0]}, nil
	case 2:
		return myvault.Address{Project: fields[0], Path: fields[1]}, nil
	}
	return myvault.Address{}, badRequest("malformed cursor: start again without it")
}

// nextPage gives the Link header of a page, "" for the last one.
func nextPage[T any](c *call, page myvault.Page[T]) string {
	if !page.More {
		return ""
	}
	return c.next(page.Next.Project, page.Next.Path)
}

// cursors seals the positions of listings. The key is derived from a record of the vault, so a
// listing goes on at another server of the store and after a restart. The record is made when the
// first position is sealed. As long as the store does not take it, the key is the handler's own.
type cursors struct {
	vault    *myvault.Vault
	records  *myvault.Records
	own      cipher.AEAD
	shared   atomic.Pointer[cipher.AEAD]
	readOnly atomic.Bool // the store takes no record at all
}

// keyRecord is the path of the record.
const keyRecord = "key"

func newCursors(vault *myvault.Vault) (*cursors, error) {
	records, err := vault.Records("cursors")
	if err != nil {
		return nil, err
	}
	c := &cursors{vault: vault, records: records}
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
	return badRequest("invalid cursor: it is of another listing or too old; start again without it")
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
	record, err := c.records.Get(ctx, keyRecord)
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
	_, err := c.records.Put(ctx, c.vault.As("httpapi"), keyRecord, myvault.Bytes(randomKey()), myvault.IfAbsent())
	if errors.Is(err, errors.ErrUnsupported) {
		c.readOnly.Store(true)
	}
	return c.load(ctx)
}
