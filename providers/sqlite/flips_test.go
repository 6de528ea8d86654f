package sqlite_test

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
)

// long reports whether the tests of reliability take as long as they can.
func long() bool { return os.Getenv("MYVAULT_RELIABILITY") == "long" }

func indexOf(file, piece []byte) int { return bytes.Index(file, piece) }

// flips counts what became of changed files.
type flips struct{ tried, opened, noticed, silent, dead int }

func (f flips) String() string {
	return fmt.Sprintf("%d changes of bytes: %d stores opened, %d changes noticed, %d not noticed and all answers right; %d of these in bytes that hold no row",
		f.tried, f.opened, f.noticed, f.silent, f.dead)
}

// Bytes that change by chance, anywhere in any file, after a clean end or a crash, give an
// error or the right answers to everything that can be asked. What Verify does not notice
// stands where no row is, or is read no more because the write-ahead log has it anew.
func TestFlippedBytes(t *testing.T) {
	rounds, seed := 120, uint64(1)
	if long() {
		rounds, seed = 5000, uint64(os.Getpid())
	}
	y := tell(t)
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	for name, dir := range map[string]string{"closed": y.closed, "killed": y.killed} {
		t.Run(name, func(t *testing.T) {
			var f flips
			original := files(t, dir)
			live := map[string][]bool{}
			for file, content := range original {
				switch {
				case strings.HasSuffix(file, "-wal"): // checksums hold all of it
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

// scattered gives some places, and the bit to change at each.
func scattered(random *rand.Rand, size, n int) map[int]byte {
	places := map[int]byte{}
	for range n {
		places[random.IntN(size)] = 1 << random.IntN(8)
	}
	return places
}

func (y *story) flip(t *testing.T, f *flips, what, dir string, live []bool, places map[int]byte) {
	t.Helper()
	o := y.try(t, dir, what)
	if o.open == nil {
		f.opened++
	}
	if o.noticed() {
		f.noticed++
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

// withFile gives a directory with these files, one of them changed.
func withFile(t *testing.T, all map[string][]byte, changed string, content []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	must(t, os.Mkdir(dir, 0o700))
	for name, c := range all {
		if name == changed {
			c = content
		}
		must(t, os.WriteFile(filepath.Join(dir, name), c, 0o600))
	}
	return dir
}
