package tamper_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// orders are changes to the cell pointers of a page. The rows stay authentic. The changes affect
// which rows are found, in which order and how often.
var orders = map[string]func(pointers [][2]byte){
	"reversed":        func(p [][2]byte) { slices.Reverse(p) },
	"first two":       func(p [][2]byte) { p[0], p[1] = p[1], p[0] },
	"last two":        func(p [][2]byte) { n := len(p); p[n-1], p[n-2] = p[n-2], p[n-1] },
	"first and last":  func(p [][2]byte) { n := len(p); p[0], p[n-1] = p[n-1], p[0] },
	"all the first":   func(p [][2]byte) { copy(p[1:], slices.Repeat(p[:1], len(p)-1)) },
	"all the last":    func(p [][2]byte) { copy(p, slices.Repeat(p[len(p)-1:], len(p)-1)) },
	"last the first":  func(p [][2]byte) { p[len(p)-1] = p[0] },
	"halves exchange": func(p [][2]byte) { copy(p, slices.Concat(p[len(p)/2:], p[:len(p)/2])) },
}

// disordered returns the file with the cell pointers of one page in another order. It returns nil
// if the page is no B-tree page or has too few cells.
func disordered(file []byte, page int, order func([][2]byte)) []byte {
	const size = 4096
	changed := bytes.Clone(file)
	at := (page - 1) * size
	if page == 1 {
		at += 100
	}
	header := map[byte]int{indexInterior: 12, tableInterior: 12, indexLeaf: 8, tableLeaf: 8}[changed[at]]
	cells := int(binary.BigEndian.Uint16(changed[at+3:]))
	if header == 0 || cells < 2 || cells > size/4 {
		return nil
	}
	pointers := make([][2]byte, cells)
	for n := range pointers {
		pointers[n] = [2]byte(changed[at+header+2*n:])
	}
	order(pointers)
	for n, p := range pointers {
		copy(changed[at+header+2*n:], p[:])
	}
	return changed
}

// TestDisorder checks that rows in another order, or found twice, are detected and never lead to
// a wrong answer.
func TestDisorder(t *testing.T) {
	y := newStory(t)
	original := storetest.Files(t, y.closed)
	verdicts := map[verdict]int{}
	for _, file := range []string{"vault.db", "access.db"} {
		for page := 1; page <= len(original[file])/4096; page++ {
			for name, order := range orders {
				content := disordered(original[file], page, order)
				if content == nil || bytes.Equal(content, original[file]) {
					continue
				}
				what := fmt.Sprintf("%s page %d %s", file, page, name)
				o := y.check(t, withFile(t, original, file, content), what)
				verdicts[o.verdict]++
				if !o.detected() {
					t.Errorf("%s: not detected", what)
				}
			}
		}
	}
	t.Log(verdicts)
}

// TestDisorderOfManyRowsEnds checks that listings of many pages end and return no row twice, for
// any order of the rows.
func TestDisorderOfManyRowsEnds(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	for n := range 900 {
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/secret%04d", n), "x"))
		is.NoErr(err)
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	}
	is.NoErr(s.Close())
	original := storetest.Files(t, dir)
	tried := 0
	for _, file := range []string{"vault.db", "access.db"} {
		for page := 1; page <= len(original[file])/4096; page++ {
			for name, order := range orders {
				if !storetest.LongPass() && (page+len(name))%11 != 0 {
					continue
				}
				if content := disordered(original[file], page, order); content != nil {
					tried++
					ends(t, fmt.Sprintf("%s page %d %s", file, page, name), withFile(t, original, file, content), key)
				}
			}
		}
	}
	is.True(tried > 10)
	t.Logf("%d orders", tried)
}

func ends(t *testing.T, what, dir string, key crypto.Key) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return
	}
	defer s.Close() // a damaged store may not close
	listed := map[string]bool{}
	for info, err := range s.List(ctx, myvault.ListOptions{}) {
		if err != nil {
			break
		}
		if listed[info.Path] {
			t.Fatalf("%s: %s twice", what, info)
		}
		listed[info.Path] = true
	}
	seen := map[string]bool{}
	for e, err := range s.Entries(ctx, myvault.TrailFilter{}) {
		if err != nil {
			break
		}
		place := fmt.Sprint(e.Chain, e.Seq)
		if seen[place] {
			t.Fatalf("%s: entry %s twice", what, place)
		}
		seen[place] = true
	}
	if _, err := s.Verify(ctx); err == nil {
		t.Errorf("%s: not detected", what)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: timed out", what)
	}
}
