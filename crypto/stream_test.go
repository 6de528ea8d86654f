package crypto_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

// streamVector is a stream and its digest: streams of several chunks are too long for the file.
type streamVector struct {
	Name   string   `json:"name"`
	Key    string   `json:"key"`
	Header hexBytes `json:"header"`
	Plain  string   `json:"plain"` // fixed(Plain, Size)
	Size   int      `json:"size"`
	Sealed hexBytes `json:"sealed,omitempty"`
	SHA256 hexBytes `json:"sha256"`
}

const chunk = 64 << 10

// streamOf seals plain as docs/format.md says, with the standard library alone.
func streamOf(key, header, plain []byte) (sealed []byte) {
	derived, err := hkdf.Key(sha256.New, key, header, "myvault/v1/stream", 32)
	if err != nil {
		panic(err)
	}
	block, _ := aes.NewCipher(derived)
	aead, _ := cipher.NewGCM(block)
	for n := uint64(0); ; n++ {
		size := min(chunk, len(plain))
		nonce := binary.BigEndian.AppendUint64(make([]byte, 3), n)
		if size == len(plain) {
			return aead.Seal(sealed, append(nonce, 1), plain, nil)
		}
		sealed = aead.Seal(sealed, append(nonce, 0), plain[:size], nil)
		plain = plain[size:]
	}
}

func streamVectors() (all []streamVector) {
	for _, size := range []int{0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 5} {
		v := streamVector{
			Name: fmt.Sprint(size, " bytes"), Key: text(fixed("stream key", 32)), Header: fixed("header", 40),
			Plain: "plain", Size: size,
		}
		sealed := streamOf(fixed("stream key", 32), v.Header, fixed(v.Plain, size))
		sum := sha256.Sum256(sealed)
		v.SHA256 = sum[:]
		if size <= 1000 {
			v.Sealed = sealed
		}
		all = append(all, v)
	}
	return all
}

func (v streamVector) check(t *testing.T) {
	is := is.New(t)
	plain := fixed(v.Plain, v.Size)
	var sealed bytes.Buffer
	w, err := crypto.NewStreamWriter(key(t, v.Key), v.Header, &sealed)
	is.NoErr(err)
	_, err = io.Copy(w, iotest.OneByteReader(bytes.NewReader(plain)))
	is.NoErr(err)
	is.NoErr(w.Close())
	is.NoErr(w.Close())
	_, err = w.Write([]byte("more"))
	is.True(err != nil)
	sum := sha256.Sum256(sealed.Bytes())
	is.Equal(hexBytes(sum[:]), v.SHA256)
	if v.Sealed != nil {
		is.Equal(hexBytes(sealed.Bytes()), v.Sealed)
	}
	got, err := openStream(t, v.Key, v.Header, sealed.Bytes())
	is.NoErr(err)
	is.True(bytes.Equal(got, plain))
}

func openStream(t *testing.T, k string, header, sealed []byte) ([]byte, error) {
	t.Helper()
	r, err := crypto.NewStreamReader(key(t, k), header, bytes.NewReader(sealed))
	if err != nil {
		t.Fatal(err)
	}
	return io.ReadAll(r)
}

// A stream that was altered, reordered, truncated or extended does not open.
func TestStreamRefuses(t *testing.T) {
	k, header := text(fixed("stream key", 32)), fixed("header", 40)
	const sealedChunk = chunk + 16
	whole := streamOf(fixed("stream key", 32), header, fixed("plain", 3*chunk))
	short := streamOf(fixed("stream key", 32), header, fixed("plain", chunk+5))
	part := func(n int) []byte { return whole[n*sealedChunk : (n+1)*sealedChunk] }
	for name, sealed := range map[string][]byte{
		"nothing":              nil,
		"last chunk omitted":   whole[:2*sealedChunk],
		"first chunk omitted":  whole[sealedChunk:],
		"middle chunk omitted": join(part(0), part(2)),
		"first chunk repeated": join(part(0), part(0), part(1), part(2)),
		"chunks exchanged":     join(part(1), part(0), part(2)),
		"last chunk repeated":  join(whole, part(2)),
		"trailing byte":        join(whole, []byte{0}),
		"trailing empty chunk": join(whole[:2*sealedChunk], part(2), whole[len(whole)-16:]),
		"end of another":       join(part(0), short[sealedChunk:len(short)-1]),
		"truncated chunk":      whole[:sealedChunk+1000],
		"less than a tag":      whole[:15],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openStream(t, k, header, sealed)
			is.New(t).True(errors.Is(err, crypto.ErrOpen))
		})
	}
	for at := range short {
		if at > 40 && at < len(short)-40 && at%997 != 0 && at/sealedChunk == (at+40)/sealedChunk {
			continue
		}
		altered := bytes.Clone(short)
		altered[at] ^= 1
		if _, err := openStream(t, k, header, altered); !errors.Is(err, crypto.ErrOpen) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestStreamNeedsItsKeyAndHeader(t *testing.T) {
	is := is.New(t)
	k, header := text(fixed("stream key", 32)), fixed("header", 40)
	sealed := streamOf(fixed("stream key", 32), header, []byte("plain"))
	_, err := openStream(t, text(fixed("other", 32)), header, sealed)
	is.True(errors.Is(err, crypto.ErrOpen))
	_, err = openStream(t, k, header[1:], sealed)
	is.True(errors.Is(err, crypto.ErrOpen))
	_, err = crypto.NewStreamReader(crypto.Key{}, header, nil)
	is.True(errors.Is(err, crypto.ErrKey))
	_, err = crypto.NewStreamWriter(crypto.Key{}, header, nil)
	is.True(errors.Is(err, crypto.ErrKey))
}

// An error of the underlying reader or writer is returned, by later calls too.
func TestStreamReturnsErrorsOfTheFile(t *testing.T) {
	is := is.New(t)
	k := key(t, text(fixed("stream key", 32)))
	full := errors.New("full")
	w, err := crypto.NewStreamWriter(k, nil, writerFunc(func([]byte) (int, error) { return 0, full }))
	is.NoErr(err)
	_, err = w.Write(make([]byte, chunk+1))
	is.True(errors.Is(err, full))
	is.True(errors.Is(w.Close(), full))
	r, err := crypto.NewStreamReader(k, nil, iotest.ErrReader(full))
	is.NoErr(err)
	_, err = io.ReadAll(r)
	is.True(errors.Is(err, full))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func ExampleStreamWriter() {
	key, header := crypto.NewKey(), []byte("backup 7")
	var sealed bytes.Buffer
	w, _ := crypto.NewStreamWriter(key, header, &sealed)
	_, _ = io.WriteString(w, "something long")
	_ = w.Close()
	r, _ := crypto.NewStreamReader(key, header, &sealed)
	plain, err := io.ReadAll(r)
	fmt.Println(string(plain), err)
	// Output: something long <nil>
}
