package ledger

import (
	"bytes"
	"testing"
)

// FuzzRanges checks that valid ranges are encoded as they were read.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		again := decodeRanges(b).encode()
		if len(b)%16 == 0 && !bytes.Equal(again, b) || len(b)%16 != 0 && bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
