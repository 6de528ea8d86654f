package crypto_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors.json")

const vectorsFile = "testdata/vectors.json"

// hexBytes are bytes that JSON encodes as hexadecimal digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vectors are known answers. Outcome is "opens", or the reason why it must not.
type vectors struct {
	Masters []masterVector `json:"masters"`
	Wrapped []wrapVector   `json:"wrapped"`
	Records []recordVector `json:"records"`
	Chains  []macVector    `json:"chains"`
	RowMACs []macVector    `json:"row_macs"`
	Streams []streamVector `json:"streams"`
}

type masterVector struct {
	Master string   `json:"master"`
	Vault  hexBytes `json:"vault"`
	Check  hexBytes `json:"check"`
}

type wrapVector struct {
	Name    string   `json:"name"`
	Master  string   `json:"master"`
	Vault   hexBytes `json:"vault"`
	Label   string   `json:"label"`
	Epoch   uint32   `json:"epoch"`
	Wrapped hexBytes `json:"wrapped"`
	Key     string   `json:"key,omitempty"`
	Outcome string   `json:"outcome"`
}

type recordVector struct {
	Name    string   `json:"name"`
	Key     string   `json:"key"`
	Vault   hexBytes `json:"vault"`
	Epoch   uint32   `json:"epoch"`
	Project string   `json:"project"`
	Path    string   `json:"path"`
	Version uint64   `json:"version"`
	Record  hexBytes `json:"record"`
	Value   hexBytes `json:"value,omitempty"`
	Outcome string   `json:"outcome"`
}

type macVector struct {
	Key   string   `json:"key"`
	Vault hexBytes `json:"vault,omitempty"`
	Prev  hexBytes `json:"prev,omitempty"`
	Input hexBytes `json:"input"`
	MAC   hexBytes `json:"mac"`
}

func load(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	v := load(t)
	t.Logf("%d masters, %d wrapped keys, %d records, %d chains, %d row MACs, %d streams",
		len(v.Masters), len(v.Wrapped), len(v.Records), len(v.Chains), len(v.RowMACs), len(v.Streams))
	for _, m := range v.Masters {
		t.Run("master", func(t *testing.T) { m.check(t) })
	}
	for _, w := range v.Wrapped {
		t.Run("wrapped/"+w.Name, func(t *testing.T) { w.check(t) })
	}
	for _, r := range v.Records {
		t.Run("record/"+r.Name, func(t *testing.T) { r.check(t) })
	}
	for _, m := range v.Chains {
		t.Run("chain", func(t *testing.T) { m.checkChain(t) })
	}
	for _, m := range v.RowMACs {
		t.Run("row MAC", func(t *testing.T) { m.checkRowMAC(t) })
	}
	for _, s := range v.Streams {
		t.Run("stream/"+s.Name, func(t *testing.T) { s.check(t) })
	}
}

func key(t testing.TB, text string) crypto.Key {
	t.Helper()
	k, err := crypto.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func master(t testing.TB, text string, vault []byte) *crypto.Master {
	t.Helper()
	m, err := crypto.NewMaster(key(t, text), vault)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (v masterVector) check(t *testing.T) {
	is := is.New(t)
	m := master(t, v.Master, v.Vault)
	is.Equal(hexBytes(m.CheckValue()), v.Check)
	is.True(m.Matches(v.Check))
}

func (v wrapVector) check(t *testing.T) {
	is := is.New(t)
	k, err := master(t, v.Master, v.Vault).Unwrap(v.Wrapped, v.Label, v.Epoch)
	if v.Outcome != "opens" {
		is.True(errors.Is(err, crypto.ErrOpen)) // it must not open
		return
	}
	is.NoErr(err)
	is.Equal(k.Text(), v.Key)
}

func (v recordVector) check(t *testing.T) {
	is := is.New(t)
	s, err := crypto.NewSealer(key(t, v.Key), v.Vault, v.Epoch)
	is.NoErr(err)
	value, err := s.Open(nil, crypto.RecordID{Project: v.Project, Path: v.Path, Version: v.Version}, v.Record)
	if v.Outcome != "opens" {
		is.True(errors.Is(err, crypto.ErrOpen)) // it must not open
		return
	}
	is.NoErr(err)
	is.Equal(hexBytes(value), v.Value)
}

func (v macVector) checkChain(t *testing.T) {
	is := is.New(t)
	c, err := crypto.NewChain(key(t, v.Key))
	is.NoErr(err)
	is.Equal(hexBytes(c.Link(v.Prev, v.Input)), v.MAC)
	is.True(c.Verify(v.Prev, v.Input, v.MAC))
	is.True(!c.Verify(v.MAC, v.Input, v.MAC)) // another entry before it
}

func (v macVector) checkRowMAC(t *testing.T) {
	is := is.New(t)
	s, err := crypto.NewRowMAC(key(t, v.Key), v.Vault)
	is.NoErr(err)
	is.Equal(hexBytes(s.Sum(v.Input)), v.MAC)
	is.True(s.Verify(v.Input, v.MAC))
	is.True(!s.Verify(append(v.Input, 0), v.MAC)) // another row
}

// The functions below make the vectors as docs/format.md says, with the standard library
// alone: they check the package against the document, not against itself.

func derive(k []byte, vault []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, k, vault, info, 32)
	if err != nil {
		panic(err)
	}
	return out
}

func gcm(k, iv, plain, additional []byte) []byte {
	block, err := aes.NewCipher(k)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return append(append([]byte(nil), iv...), aead.Seal(nil, iv, plain, additional)...)
}

func short(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }

func long(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// fixed returns n bytes that depend on name alone.
func fixed(name string, n int) (b []byte) {
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "vector %s %d", name, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func text(k []byte) string { return "base64:" + encode64(k) }

func hmacOf(k []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(join(parts...))
	return h.Sum(nil)
}
