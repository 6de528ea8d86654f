package sqlite_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
)

// A disk may spoil what stands in the same sector as a write that the cut interrupts. Where
// the device does not promise otherwise, the engine leaves a sector's room behind a commit,
// and changes are as safe. https://sqlite.org/psow.html
func TestPowerCutsOnACarelessDisk(t *testing.T) {
	total := 0
	for _, s := range []powerScenario{{name: "changes", run: (*history).runChanges}, {name: "several at once", run: (*history).runCommits}} {
		t.Run(s.name, func(t *testing.T) {
			total += cutEverywhere(t, s, *seed, func(d *simdisk.Disk) { d.Careless = true })
		})
	}
	t.Logf("%d images", total)
}

// The same disk under a store that was told otherwise loses what was acknowledged: the
// simulation spoils enough to show it.
func TestABoastfulDiskLosesChanges(t *testing.T) {
	is := is.New(t)
	s := powerScenario{from: afterACrash, run: (*history).runReopen}
	h := runScenario(t, s, *seed, func(d *simdisk.Disk) { d.Boastful = true })
	_, err := h.checkCuts(t, *seed, 2, 6)
	is.True(err != nil)
}
