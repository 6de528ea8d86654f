package crash_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// seed seeds the random choices of the tests of power cuts and faults.
var seed = flag.Uint64("seed", 1, "seed of the tests of power cuts and faults")

// TestPowerCuts runs each scenario once, and checks the images that a power cut at each of its
// points could leave.
func TestPowerCuts(t *testing.T) {
	total := 0
	for _, s := range powerScenarios {
		t.Run(s.name, func(t *testing.T) { total += cutEverywhere(t, s, *seed, nil) })
	}
	t.Logf("%d images of %d scenarios, seed %d", total, len(powerScenarios), *seed)
}

// perScenario is the number of points of a scenario that the short pass checks.
const perScenario = 20

// cutEverywhere returns the number of different images it inspected.
func cutEverywhere(t *testing.T, s powerScenario, seed uint64, change func(*simdisk.Disk)) int {
	h := runScenario(t, s, seed, change)
	stride, mixtures := 1, 12
	if !storetest.LongPass() {
		stride, mixtures = max(1, h.disk.Events()/perScenario), 2
	}
	images, err := h.checkCuts(t, seed, stride, mixtures)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d events, %d different images, %d commits, %d access entries", h.disk.Events(), images, len(h.commits), h.reads)
	return images
}

// checkCuts checks the images that power cuts could leave, up to the first bad one. It returns the
// number of different images.
func (h *history) checkCuts(t *testing.T, seed uint64, stride, mixtures int) (images int, err error) {
	type result struct {
		remains *remains
		err     error
	}
	known := map[[sha256.Size]byte]result{}
	for cut := range h.disk.Cuts(seed, stride, mixtures) {
		sum := cut.Image.Sum()
		r, ok := known[sum]
		if !ok {
			r.remains, r.err = h.inspectImage(t, cut.Image)
			known[sum] = r
		}
		err := r.err
		if err == nil {
			err = h.checkPromises(r.remains, cut)
		}
		if err != nil {
			keep := t.ArtifactDir()
			storetest.Must(t, cut.Image.Write(keep))
			return len(known), fmt.Errorf("power cut after event %d of %d, with %s: %w\nthe image is in %s if -artifacts is given; %s",
				cut.Point, h.disk.Events(), cut.How, err, keep, repeat(t))
		}
	}
	return len(known), nil
}

// repeat returns the command that repeats a test with the same choices.
func repeat(t *testing.T) string {
	return fmt.Sprintf("again: go test -run '^%s$' -seed %d", strings.ReplaceAll(t.Name(), "/", "$/^"), *seed)
}

// runScenario runs the scenario on a simulated disk, with a fake clock and seeded randomness.
func runScenario(t *testing.T, s powerScenario, seed uint64, change func(*simdisk.Disk)) *history {
	cryptotest.SetGlobalRandom(t, seed)
	root := t.TempDir()
	if s.from != nil {
		s.from(t, root)
		for _, name := range []string{"vault.db", "access.db"} {
			storetest.Must(t, os.Chmod(filepath.Join(root, "store", name), 0o600))
		}
	}
	h := newHistory(t, root, change)
	if s.from != nil {
		h.before = contentsOf(t, storetest.Copied(t, h.dir), h.keys[0])
	}
	synctest.Test(t, func(t *testing.T) {
		h.t = t
		s.run(h)
		h.disk.Mark("the end")
	})
	h.t = t
	if t.Failed() {
		t.Fatalf("the scenario failed before the power did, seed %d", seed)
	}
	return h
}

// contentsOf returns the contents of the store in a directory.
func contentsOf(t *testing.T, dir string, key crypto.Key) []string {
	lines, err := allContents(storetest.Open(t, dir, key))
	storetest.Must(t, err)
	return lines
}

// inspectImage writes the image to a new directory and inspects it there.
func (h *history) inspectImage(t testing.TB, image simdisk.Image) (*remains, error) {
	root, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		return nil, err
	}
	if err := image.Write(root); err != nil {
		return nil, err
	}
	f, err := h.inspect(t, root)
	if err != nil {
		return f, err
	}
	return f, os.RemoveAll(root)
}

// releasedMaster is the key of the stores in testdata.
func releasedMaster(t testing.TB) crypto.Key {
	t.Helper()
	key, err := crypto.ParseKey(storetest.ReleasedKey)
	if err != nil {
		t.Fatal(fmt.Errorf("testdata: %w", err))
	}
	return key
}
