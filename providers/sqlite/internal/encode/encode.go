// Package encode appends the parts of canonical encodings, as docs/format.md describes them.
package encode

import (
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// errTooLong: a part is longer than its prefix can say. The limits of what is stored are
// far below.
var errTooLong = errors.New("too long to be encoded")

// Bytes gives what was added; nil, which no MAC is ever made of, where a field is longer than
// any that this program writes.
func Bytes(b *cryptobyte.Builder) []byte {
	bytes, err := b.Bytes()
	if err != nil {
		return nil
	}
	return bytes
}

func Short(b *cryptobyte.Builder, v []byte) {
	if len(v) > math.MaxUint8 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint8(uint8(len(v)))
	b.AddBytes(v)
}

// Text does as AddUint16LengthPrefixed, which takes five times as long.
func Text(b *cryptobyte.Builder, s string) {
	if len(s) > math.MaxUint16 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint16(uint16(len(s)))
	b.AddBytes([]byte(s))
}

func Time(b *cryptobyte.Builder, t time.Time) { b.AddUint64(uint64(t.UnixMicro())) }

// Optional encodes a time that may be missing.
func Optional(b *cryptobyte.Builder, t time.Time) {
	if t.IsZero() {
		b.AddUint8(0)
		return
	}
	b.AddUint8(1)
	Time(b, t)
}
