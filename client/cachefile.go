package client

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// The file is cacheHeader, a salt, and the sealed JSON of its entries.
const (
	cacheHeader = "myvault client cache 1\n"
	saltSize    = 32
	maxFile     = 128 << 20
)

// errCache is the error of a file that is not used.
var errCache = fmt.Errorf("%w: the file was changed, or is that of another server, service or key", myvault.ErrTampered)

// sealer encrypts the file. Each file has a separate key, derived from the secret and a random
// salt, so that the nonce can be fixed.
type sealer struct {
	secret  func() []byte
	binding []byte // the header, the server and the service, as additional data
}

// newSealer returns the sealer for a key file, or for the token of config.
func newSealer(keyFile, base string, config Config) (sealer, error) {
	s := sealer{binding: binding(base, config.Service)}
	switch {
	case keyFile != "":
		key, err := crypto.ReadKeyFile(keyFile)
		if err != nil {
			return s, fmt.Errorf("client: cache: %w", err)
		}
		s.secret = func() []byte { return []byte(key.Text()) }
	case config.Token.Len() > 0:
		s.secret = config.Token.RevealBytes
	case config.Bearer.Len() > 0:
		s.secret = config.Bearer.RevealBytes
	default:
		return s, invalid("Cache needs KeyFile, because no token is fixed")
	}
	return s, nil
}

// binding returns the additional data, with the size before each text.
func binding(texts ...string) []byte {
	data := []byte(cacheHeader)
	for _, text := range texts {
		data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
		data = append(data, text...)
	}
	return data
}

// cipher returns the cipher of the file with that salt.
func (s sealer) cipher(salt []byte) (cipher.AEAD, error) {
	secret := s.secret()
	defer clear(secret)
	key, err := hkdf.Key(sha256.New, secret, salt, "myvault/v1/client-cache", crypto.KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// encrypt returns a file.
func (s sealer) encrypt(plain []byte) ([]byte, error) {
	file := make([]byte, len(cacheHeader)+saltSize, len(cacheHeader)+saltSize+len(plain)+16)
	salt := file[copy(file, cacheHeader):]
	_, _ = rand.Read(salt) // never fails: without randomness it crashes the program
	aead, err := s.cipher(salt)
	if err != nil {
		return nil, err
	}
	return aead.Seal(file, make([]byte, aead.NonceSize()), plain, s.binding), nil
}

// decrypt returns the content of a file, or errCache.
func (s sealer) decrypt(file []byte) ([]byte, error) {
	if len(file) < len(cacheHeader)+saltSize || string(file[:len(cacheHeader)]) != cacheHeader {
		return nil, errCache
	}
	file = file[len(cacheHeader):]
	aead, err := s.cipher(file[:saltSize])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), file[saltSize:], s.binding)
	if err != nil {
		return nil, errCache
	}
	return plain, nil
}

// cacheItem is a secret in the file. Its value is always in base64.
type cacheItem struct {
	item
	FetchedAt string `json:"fetched_at"`
}

// answer returns the secret that i describes, of version 0 if there was none.
func (i cacheItem) answer() (myvault.Secret, error) {
	if i.Version > 0 {
		return i.secret()
	}
	addr := myvault.Address{Project: i.Project, Path: i.Path}
	return myvault.Secret{Info: myvault.Info{Address: addr}}, addr.Validate()
}

// load reads the file, if there is one. It leaves out values that are too old.
func (c *cache) load() error {
	f, err := trusted.Open(c.File, trusted.Owner)
	if errors.Is(err, fs.ErrNotExist) {
		return trusted.Path(c.File)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	plain, err := c.seal.decrypt(file)
	if err != nil {
		return err
	}
	defer clear(plain)
	var items []cacheItem
	if err := json.Unmarshal(plain, &items); err != nil {
		return errCache
	}
	for _, i := range items {
		secret, err := i.answer()
		fetched, wrong := parseTime(i.FetchedAt)
		if err != nil || wrong != nil {
			return errCache
		}
		if c.fresh(fetched) {
			c.entries[secret.Address] = cached{Secret: secret, fetched: fetched, written: fetched}
		}
	}
	return nil
}

// write replaces the file by one with the present entries.
func (c *cache) write() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	c.evict()
	entries := maps.Clone(c.entries)
	c.mu.Unlock()
	items := make([]cacheItem, 0, len(entries))
	for _, e := range entries {
		items = append(items, itemOf(e))
	}
	plain, err := json.Marshal(items)
	if err != nil {
		return err
	}
	defer clear(plain)
	file, err := c.seal.encrypt(plain)
	if err != nil {
		return err
	}
	if err := replace(c.File, file); err != nil {
		return err
	}
	c.wrote(entries)
	return nil
}

// wrote notes the times that the file has.
func (c *cache) wrote(entries map[myvault.Address]cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr, e := range c.entries {
		e.written = entries[addr].fetched
		c.entries[addr] = e
	}
}

// itemOf returns the item of a cached secret.
func itemOf(e cached) cacheItem {
	raw := e.Value.RevealBytes()
	defer clear(raw)
	value := base64.StdEncoding.EncodeToString(raw)
	return cacheItem{FetchedAt: timeText(e.fetched), item: item{
		Project: e.Project, Path: e.Path, Value: &value, Encoding: base64Encoding, Version: uint64(e.Version),
		UpdatedAt: timeText(e.At), UpdatedBy: e.By, ExpiresAt: timeText(e.Expires), RotateAfter: timeText(e.RotateAfter),
	}}
}

// replace writes a file that only its owner can read, all of it or nothing.
func replace(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
