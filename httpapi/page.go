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

// maxPage is the limit of items in a page, and the default.
const maxPage = 1000

// limit returns the query parameter limit.
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

// cursorBlock is the unit of the size of a cursor. A cursor contains a name that the caller
// may not see, and its size must not show the length of that name.
const cursorBlock = 256

// next returns the Link header to the items after fields. Only servers of this store can
// read the cursor in it.
func (c *call) next(fields ...string) string {
	plain := []byte(strings.Join(fields, "\x00"))
	plain = append(plain, make([]byte, cursorBlock-len(plain)%cursorBlock)...)
	sealed := c.api.cursors.seal(c.ctx, plain, c.cursorContext())
	query := maps.Clone(c.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("cursor", base64.RawURLEncoding.EncodeToString(sealed))
	return "<" + c.prefix() + c.request.URL.EscapedPath() + "?" + query.Encode() + `>; rel="next"`
}

// cursor returns the fields that next sealed, nil at the start of a listing.
func (c *call) cursor() ([]string, error) {
	text := c.query.Get("cursor")
	if text == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, wrongCursor()
	}
	plain, err := c.api.cursors.open(c.ctx, sealed, c.cursorContext())
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(plain), "\x00"), "\x00"), nil
}

// cursorContext returns what a cursor is bound to: the route, the caller and the query.
func (c *call) cursorContext() []byte {
	question := maps.Clone(c.query)
	delete(question, "cursor")
	delete(question, "limit")
	return []byte(strings.Join([]string{c.endpoint.Pattern, c.session.Service(), c.addr.Project, question.Encode()}, "\x00"))
}

// after returns the address after which a listing of secrets continues.
func (c *call) after() (myvault.Address, error) {
	fields, err := c.cursor()
	if err != nil || fields == nil {
		return myvault.Address{}, err
	}
	switch len(fields) {
	case 1: // the start of a project, or of all
		return myvault.Address{Project: fields[0]}, nil
	case 2:
		return myvault.Address{Project: fields[0], Path: fields[1]}, nil
	}
	return myvault.Address{}, badRequest("malformed cursor: start again without it")
}

// nextPage returns the Link header of a page of secrets, "" for the last one.
func nextPage[T any](c *call, page myvault.Page[T, myvault.Address]) string {
	if !page.More {
		return ""
	}
	return c.next(page.Next.Project, page.Next.Path)
}

// cursors seals positions in listings. The key is derived from a record of the vault, so
// that a listing can continue at another server of the store and after a restart. The
// record is written with the first cursor. If the store does not accept it, the key is the
// handler's own.
type cursors struct {
	vault     *myvault.Vault
	extension *myvault.Extension
	own       cipher.AEAD
	shared    atomic.Pointer[cipher.AEAD]
	readOnly  atomic.Bool // the store accepts no records
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

// derive returns the cipher of a key and of the incarnation of the store: a copy of the
// store has the same record. Nonces are long enough to be chosen at random without limit.
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

// seal encrypts plain and binds it to about.
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

// wrongCursor returns the problem of a cursor that no server of this store sealed for this
// listing.
func wrongCursor() error {
	return badRequest("invalid cursor: it is of another listing or too old; start again without it")
}

// open decrypts sealed. It returns wrongCursor, or the error of the store.
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

// load returns the key that all servers of the store share.
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

// create writes the record, unless another server has done so.
func (c *cursors) create(ctx context.Context) (cipher.AEAD, error) {
	_, err := c.extension.PutRecord(ctx, c.vault.As("httpapi"), keyRecord, myvault.Bytes(randomKey()), myvault.IfAbsent())
	if errors.Is(err, errors.ErrUnsupported) {
		c.readOnly.Store(true)
	}
	return c.load(ctx)
}
