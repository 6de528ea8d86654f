package crypto

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// StreamChunk is the size of the chunks that a stream is sealed in, in bytes.
const StreamChunk = 64 << 10

const (
	streamOverhead = 16
	labelStream    = "myvault/v1/stream"
)

// StreamWriter seals a stream of data with the STREAM construction of Hoang, Reyhanitabar,
// Rogaway and Vizár (https://eprint.iacr.org/2015/189), as age uses it
// (https://c2sp.org/age). Each chunk of 64 KiB is sealed with AES-256-GCM. Its nonce is its
// number and whether it is the last. A chunk that is altered, omitted, repeated or moved
// therefore does not open, nor does a stream that was truncated or extended.
type StreamWriter struct {
	to     io.Writer
	aead   cipher.AEAD
	number uint64
	chunk  []byte
	sealed []byte
	err    error
}

// NewStreamWriter returns a StreamWriter whose key is derived from key and header:
// HKDF-SHA256(key, salt = header, info "myvault/v1/stream"). The header is not written, but
// the stream opens only with the same one. Use a key and header for one stream only: the
// nonces of two would be equal. It returns ErrKey for the zero Key.
func NewStreamWriter(key Key, header []byte, to io.Writer) (*StreamWriter, error) {
	aead, err := newStream(key, header)
	if err != nil {
		return nil, err
	}
	return &StreamWriter{to: to, aead: aead, chunk: make([]byte, 0, StreamChunk)}, nil
}

// Write implements [io.Writer]. It does not retain p.
func (w *StreamWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		// Keep a full chunk until it is known not to be the last.
		if len(w.chunk) == StreamChunk {
			w.flush(false)
		}
		size := min(StreamChunk-len(w.chunk), len(p))
		w.chunk = append(w.chunk, p[:size]...)
		n, p = n+size, p[size:]
	}
	return n, w.err
}

// Close writes the last chunk. It does not close the underlying writer.
func (w *StreamWriter) Close() error {
	if w.err == nil {
		w.flush(true)
	}
	if errors.Is(w.err, errStreamClosed) {
		return nil
	}
	return w.err
}

var errStreamClosed = errors.New("crypto: the stream is closed")

func (w *StreamWriter) flush(last bool) {
	w.sealed = w.aead.Seal(w.sealed[:0], streamNonce(w.number, last), w.chunk, nil)
	_, w.err = w.to.Write(w.sealed)
	w.number, w.chunk = w.number+1, w.chunk[:0]
	if w.err == nil && last {
		w.err = errStreamClosed
	}
}

// StreamReader opens a stream that a StreamWriter sealed. All data that it returns is
// authentic, but only io.EOF proves that the stream is complete.
type StreamReader struct {
	from   *bufio.Reader
	aead   cipher.AEAD
	number uint64
	sealed []byte
	plain  []byte // opened, not read yet
	err    error
}

// NewStreamReader returns a reader of a stream that was sealed with the same key and header.
// It returns ErrKey for the zero Key.
func NewStreamReader(key Key, header []byte, from io.Reader) (*StreamReader, error) {
	aead, err := newStream(key, header)
	if err != nil {
		return nil, err
	}
	return &StreamReader{
		from: bufio.NewReaderSize(from, StreamChunk+streamOverhead), aead: aead,
		sealed: make([]byte, StreamChunk+streamOverhead),
	}, nil
}

// Read implements [io.Reader]. It returns ErrOpen if the stream differs from the sealed one.
func (r *StreamReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.plain) == 0 {
		return 0, r.err
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// next opens a chunk. It returns io.EOF with the last one.
func (r *StreamReader) next() error {
	n, err := io.ReadFull(r.from, r.sealed)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	last := err != nil
	if !last {
		_, err := r.from.Peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last = err != nil
	}
	plain, err := r.aead.Open(r.sealed[:0], streamNonce(r.number, last), r.sealed[:n], nil)
	if err != nil {
		return fmt.Errorf("%w: chunk %d of a stream", ErrOpen, r.number)
	}
	r.number, r.plain = r.number+1, plain
	if last {
		return io.EOF
	}
	return nil
}

func newStream(key Key, header []byte) (cipher.AEAD, error) {
	secret, err := key.bytes()
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, secret, header, labelStream, KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// streamNonce returns three zero bytes, the number of the chunk, and whether it is the last.
func streamNonce(number uint64, last bool) []byte {
	nonce := binary.BigEndian.AppendUint64(make([]byte, 3, 12), number)
	if last {
		return append(nonce, 1)
	}
	return append(nonce, 0)
}
