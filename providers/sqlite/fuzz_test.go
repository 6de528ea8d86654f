package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// FuzzRows checks that no row with arbitrary columns authenticates, that no record opens, and that
// nothing panics.
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
			t.Fatalf("authenticated: %v, %v", held, err)
		}
		if err := rows.OpenRecord(b); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSpans checks that valid spans are encoded as they were read.
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

// FuzzBatch checks that every accepted body of a batch is encoded as it was read.
func FuzzBatch(f *testing.F) {
	for _, body := range bodies() {
		f.Add(body, uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, first uint64) {
		entries, err := sqlite.Unpack(body, first)
		if whole := len(body) > 0 && bytes.Equal(sqlite.Pack(entries), body); (err == nil) != whole {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		var bad *sqlite.BadEntry
		if err != nil && (!errors.As(err, &bad) || bad.Seq != first+uint64(len(entries))) {
			t.Fatal(err)
		}
	})
}

// FuzzBackup checks that only an unchanged backup verifies.
func FuzzBackup(f *testing.F) {
	key := crypto.NewKey()
	s := open(f, f.TempDir(), key)
	if _, err := apply(s, put("p/a", "v")); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "backup")
	if _, err := s.Backup(f.Context(), path, nil); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, 0, []byte("x"))
	f.Add(20, 1, []byte(nil))
	f.Add(len(whole), 1, []byte(nil))
	f.Fuzz(func(t *testing.T, at, cut int, piece []byte) {
		at = min(max(at, 0), len(whole))
		cut = min(max(cut, 0), len(whole)-at)
		changed := bytes.Join([][]byte{whole[:at], piece, whole[at+cut:]}, nil)
		path := filepath.Join(t.TempDir(), "backup")
		must(t, os.WriteFile(path, changed, 0o600))
		_, err := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(key))
		if (err == nil) != bytes.Equal(changed, whole) {
			t.Fatalf("%d bytes in place of %d at %d: %v", len(piece), cut, at, err)
		}
		for _, known := range []error{sqlite.ErrForeign, sqlite.ErrNewer, myvault.ErrTampered, myvault.ErrWrongKey} {
			if errors.Is(err, known) {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
