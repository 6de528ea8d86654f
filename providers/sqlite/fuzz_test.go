package sqlite_test

import (
	"bytes"
	"testing"

	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Whatever stands in the columns, no row authenticates, no record opens, and nothing panics.
func FuzzRows(f *testing.F) {
	f.Add(int64(1), "p", []byte{1, 0, 0, 0, 1}, uint8(0))
	f.Add(int64(-1<<63), "\x00\xff", []byte(nil), uint8(7))
	rows, err := sqlite.NewRows()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = rows.Close() })
	f.Fuzz(func(t *testing.T, n int64, s string, b []byte, order uint8) {
		if len(s) > 60000 || len(b) > 60000 {
			return
		}
		all := []any{n, s, b, nil}
		i, j, k := order%4, order/4%4, order/16%4
		held, err := rows.Hold(all[i], all[j], all[k])
		if err != nil || held {
			t.Fatalf("held %v, %v", held, err)
		}
		if err := rows.OpenRecord(b); err != nil {
			t.Fatal(err)
		}
	})
}

// Spans are written as they were read, or are no spans of this program.
func FuzzSpans(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		again := sqlite.Spans(b)
		if len(b)%16 == 0 && !bytes.Equal(again, b) || len(b)%16 != 0 && bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
