package sqlite

import (
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// errTooLong: a part is longer than its prefix can say. The limits of what is stored are
// far below.
var errTooLong = errors.New("too long to be encoded")

// encoded gives what was added; nil, which no MAC is ever made of, where a field is longer than
// any that this program writes.
func encoded(b *cryptobyte.Builder) []byte {
	bytes, err := b.Bytes()
	if err != nil {
		return nil
	}
	return bytes
}

func addShort(b *cryptobyte.Builder, v []byte) {
	if len(v) > math.MaxUint8 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint8(uint8(len(v)))
	b.AddBytes(v)
}

// addText does as AddUint16LengthPrefixed, which takes five times as long.
func addText(b *cryptobyte.Builder, s string) {
	if len(s) > math.MaxUint16 {
		b.SetError(errTooLong)
		return
	}
	b.AddUint16(uint16(len(s)))
	b.AddBytes([]byte(s))
}

func addTime(b *cryptobyte.Builder, t time.Time) { b.AddUint64(uint64(t.UnixMicro())) }

// addOptional encodes a time that may be missing.
func addOptional(b *cryptobyte.Builder, t time.Time) {
	if t.IsZero() {
		b.AddUint8(0)
		return
	}
	b.AddUint8(1)
	addTime(b, t)
}
