package tamper_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func indexOf(file, piece []byte) int { return bytes.Index(file, piece) }

// flips counts the outcomes of changed files.
type flips struct{ tried, opened, detected, silent, dead int }

func (f flips) String() string {
	return fmt.Sprintf("%d changes of bytes: %d stores opened, %d changes detected, %d not detected with right answers, %d of these in bytes of no row",
		f.tried, f.opened, f.detected, f.silent, f.dead)
}

// TestFlippedBytes checks that random changes of bytes in any file, after Close or a crash, lead to
// errors or right answers. Changes that Verify does not detect are in bytes of no row, or in pages
// that the write-ahead log replaces.
func TestFlippedBytes(t *testing.T) {
	rounds, seed := 120, uint64(1)
	if storetest.LongPass() {
		rounds, seed = 5000, uint64(os.Getpid())
	}
	y := newStory(t)
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	for name, dir := range map[string]string{"closed": y.closed, "killed": y.killed} {
		t.Run(name, func(t *testing.T) {
			var f flips
			original := storetest.Files(t, dir)
			live := map[string][]bool{}
			for file, content := range original {
				switch {
				case strings.HasSuffix(file, "-wal"): // checksums cover all of it
					live[file] = slices.Repeat([]bool{true}, len(content))
				case name == "closed" && strings.HasSuffix(file, ".db"):
					live[file] = livePages(content)
				}
			}
			names := slices.Sorted(maps.Keys(original))
			names = slices.DeleteFunc(names, func(file string) bool { return len(original[file]) == 0 }) // locks
			for n := range rounds {
				file := names[random.IntN(len(names))]
				content := bytes.Clone(original[file])
				places := scattered(random, len(content), 1+random.IntN(8)*(n%2))
				for place, bit := range places {
					content[place] ^= bit
				}
				f.tried++
				y.flip(t, &f, fmt.Sprintf("round %d: %s %v", n, file, places), withFile(t, original, file, content), live[file], places)
			}
			t.Log(f)
		})
	}
}

// scattered returns n random offsets, and the bit to change at each.
func scattered(random *rand.Rand, size, n int) map[int]byte {
	places := map[int]byte{}
	for range n {
		places[random.IntN(size)] = 1 << random.IntN(8)
	}
	return places
}

func (y *story) flip(t *testing.T, f *flips, what, dir string, live []bool, places map[int]byte) {
	t.Helper()
	o := y.check(t, dir, what)
	if o.open == nil {
		f.opened++
	}
	if o.detected() {
		f.detected++
		return
	}
	f.silent++
	if live == nil {
		return
	}
	f.dead++
	for place := range places {
		if live[place] {
			t.Errorf("%s: not detected", what)
		}
	}
}

// withFile returns a directory with these files, one of them changed.
func withFile(t *testing.T, all map[string][]byte, changed string, content []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	storetest.Must(t, os.Mkdir(dir, 0o700))
	for name, c := range all {
		if name == changed {
			c = content
		}
		storetest.Must(t, os.WriteFile(filepath.Join(dir, name), c, 0o600))
	}
	return dir
}
