package crash_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
)

// TestPowerCutsOnCarelessDisk cuts the power on a disk that may damage the whole sector of an
// interrupted write. Without the powersafe overwrite property SQLite pads each commit to a sector,
// so changes are as safe (https://sqlite.org/psow.html).
func TestPowerCutsOnCarelessDisk(t *testing.T) {
	total := 0
	for _, s := range []powerScenario{{name: "changes", run: (*history).runChanges}, {name: "several at once", run: (*history).runCommits}} {
		t.Run(s.name, func(t *testing.T) {
			total += cutEverywhere(t, s, *seed, func(d *simdisk.Disk) { d.Careless = true })
		})
	}
	t.Logf("%d images", total)
}

// TestFalsePowersafeClaimLosesChanges checks that the same disk loses acknowledged changes if it
// claims powersafe overwrite. This shows that the simulation damages enough.
func TestFalsePowersafeClaimLosesChanges(t *testing.T) {
	is := is.New(t)
	s := powerScenario{from: afterACrash, run: (*history).runReopen}
	h := runScenario(t, s, *seed, func(d *simdisk.Disk) { d.FalsePromise = true })
	_, err := h.checkCuts(t, *seed, 2, 6)
	is.True(err != nil)
}
