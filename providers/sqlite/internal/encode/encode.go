// Package encode appends fields to canonical encodings, which MACs cover. It knows the
// encodings of single fields, as docs/format.md defines them: str8, str16 and times. It does not
// know which fields a MAC covers.
package encode

import (
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// errTooLong is set if the length of a field does not fit its prefix. The limits of stored fields
// are far lower.
var errTooLong = errors.New("field too long to encode")

// Bytes returns the encoding. If a field was too long, it returns nil, which no MAC matches: this
// program never computes a MAC of an empty encoding.
func Bytes(b *cryptobyte.Builder) []byte {
	bytes, err := b.Bytes()
	if err != nil {
		return nil
	}
	return bytes
}

// Str8 appends v after its length in one byte.
func Str8(b *cryptobyte.Builder, v []byte) {
	if len(v) > math.MaxUint8 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint8(uint8(len(v)))
	b.AddBytes(v)
}

// Str16 appends s after its length in two bytes. It is five times as fast as
// cryptobyte.Builder.AddUint16LengthPrefixed.
func Str16(b *cryptobyte.Builder, s string) {
	if len(s) > math.MaxUint16 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint16(uint16(len(s)))
	b.AddBytes([]byte(s))
}

// Time appends t in microseconds since 1970.
func Time(b *cryptobyte.Builder, t time.Time) { b.AddUint64(uint64(t.UnixMicro())) }

// OptionalTime appends 0 if t is zero, and otherwise 1 and t.
func OptionalTime(b *cryptobyte.Builder, t time.Time) {
	if t.IsZero() {
		b.AddUint8(0)
		return
	}
	b.AddUint8(1)
	Time(b, t)
}
