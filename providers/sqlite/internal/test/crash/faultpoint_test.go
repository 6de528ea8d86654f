package crash_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// faultKinds are the ways in which a disk fails, at each operation in turn.
var faultKinds = map[string]simdisk.Fault{
	"an error":                {},
	"half a write":            {Short: true},
	"errors from there on":    {Lasting: true},
	"no space":                {Full: true},
	"no space from there on":  {Full: true, Lasting: true, Short: true},
	"a read":                  {Reads: true},
	"all reads from there on": {Reads: true, Lasting: true},
}

// faultsPerKind is how many operations of a scenario the short pass fails in each way.
const faultsPerKind = 8

// TestFaultPoints fails the disk at every operation of each scenario. Acknowledged changes are
// kept, refused ones are not made, and the store continues once the fault is over.
func TestFaultPoints(t *testing.T) {
	total := 0
	for _, l := range faultScenarios {
		for name, kind := range faultKinds {
			t.Run(l.name+"/"+name, func(t *testing.T) { total += failEverywhere(t, l, kind) })
		}
	}
	t.Logf("%d faults in %d scenarios, seed %d", total, len(faultScenarios), *seed)
}

// startFaults makes the disk fail from now on, according to h.fault.
func (h *history) startFaults() { h.disk.Fail(h.fault) }

// failEverywhere returns the number of faults it injected.
func failEverywhere(t *testing.T, l faultScenario, kind simdisk.Fault) (runs int) {
	operations := runWithFault(t, l, kind)
	stride, first := 1, 0
	if !storetest.LongPass() {
		stride = max(1, operations/cmp.Or(l.short, faultsPerKind))
		first = rand.New(rand.NewPCG(*seed, uint64(len(t.Name())))).IntN(stride)
	}
	for kind.At = first + 1; kind.At <= operations; kind.At += stride {
		runs++
		if runWithFault(t, l, kind); t.Failed() {
			break
		}
	}
	return runs
}

// runWithFault runs a scenario with one fault. It returns how many operations the disk executed
// before the fault was removed.
func runWithFault(t *testing.T, l faultScenario, fault simdisk.Fault) (operations int) {
	cryptotest.SetGlobalRandom(t, *seed)
	root := t.TempDir()
	if l.from != nil {
		l.from(t, root)
	}
	h := newHistory(t, root, nil)
	h.faulty = true
	if l.from != nil {
		h.before = contentsOf(t, storetest.Copied(t, h.dir), h.keys[0])
	}
	h.fault = fault
	if !l.arms {
		h.startFaults()
	}
	defer func() {
		if _, hit := h.disk.Operations(); t.Failed() {
			t.Logf("with a fault at %v: %s; %s", fault, hit, repeat(t))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		h.t = t
		l.run(h)
		operations, _ = h.disk.Operations()
		h.disk.Mend()
		h.checkRecovery()
	})
	h.t = t
	if t.Failed() || fault.At == 0 {
		return operations
	}
	if _, err := h.checkCuts(t, *seed, 0, 2); err != nil {
		t.Error(err)
	}
	return operations
}

// checkRecovery checks that the store works again when it is opened after the fault. The contents
// of the files are checked with the power cuts at the end, one of which keeps everything.
func (h *history) checkRecovery() {
	s := h.open()
	for _, again := range []func(*sqlite.Store) error{h.finish, h.again} {
		if again == nil {
			continue
		}
		if err := again(s); err != nil {
			h.t.Errorf("repeated after the fault: %v", err)
		}
	}
	h.mustApply(s, storetest.Put("p/after", "all is well"))
	h.mustRecord(s)
	if _, err := s.Verify(context.Background()); err != nil {
		h.t.Error(err)
	}
	time.Sleep(2 * syncPromise)
	h.close(s)
	h.disk.Mark(markClosed{})
}

// A faultScenario uses a store while the disk fails. It accepts errors, but only honest ones.
type faultScenario struct {
	name string
	from func(t *testing.T, root string)
	run  func(h *history)
	// arms: run itself calls startFaults.
	arms bool
	// short is how many operations the short pass fails in each way; 0: faultsPerKind.
	short int
}

var faultScenarios = []faultScenario{
	{name: "from the beginning", run: (*history).tryNewStore},
	{name: "after a crash", from: afterACrash, run: (*history).tryReopen},
	{name: "released formats", from: releasedMode, run: (*history).tryReopen, short: 1},
	{name: "another master key", run: (*history).tryRekey, arms: true, short: 1},
	{name: "another data key", run: (*history).tryReencrypt, arms: true, short: 1},
	{name: "pruning versions", run: (*history).tryPruneVersions, arms: true, short: 1},
	{name: "pruning entries", run: (*history).tryPruneAccess, arms: true, short: 1},
	{name: "backup", run: (*history).tryBackup, arms: true, short: 1},
	{name: "restore", run: (*history).tryRestore, arms: true, short: 1},
	{name: "verify backup", run: (*history).tryVerifyBackup, arms: true, short: 1},
}

func (h *history) tryNewStore() {
	h.trySession(func(s *sqlite.Store) {
		h.tryChange(s, storetest.Put("p/a", "one"))
		h.tryChange(s, storetest.Put("p/a", "two"), storetest.Put("p/b", strings.Repeat("x", 5000)))
		h.checkRead(s, "p/a")
		h.tryRecord(s)
		h.tryChange(s, storetest.Put("p/lost", "x"), storetest.Put("p/c", "y", myvault.IfPresent()))
		h.tryChange(s, storetest.On(myvault.OpDelete, "p/b"))
		time.Sleep(2 * syncPromise)
		h.tryChange(s, storetest.On(myvault.OpUndelete, "p/b"))
		h.tryChange(s, storetest.On(myvault.OpDestroy, "p/a", 1))
		h.tryRecord(s)
		h.tryChange(s, storetest.Put("p/a", "three"))
		h.checkRead(s, "p/a")
	})
	h.tryReopen()
}

func (h *history) tryReopen() {
	h.trySession(func(s *sqlite.Store) {
		h.tryChange(s, storetest.Put("again/a", "one"))
		h.checkRead(s, "again/a")
		h.tryRecord(s)
		h.tryCheckpoint(s)
		h.tryChange(s, storetest.Put("again/a", "two"))
		h.tryRecord(s)
		time.Sleep(2 * syncPromise)
		h.checkRead(s, "again/a")
	})
}

// tryCheckpoint runs a checkpoint like another program. It may fail.
func (h *history) tryCheckpoint(s *sqlite.Store) {
	for _, file := range []string{"vault.db", "access.db"} {
		db, err := sqlite3.Open("file:" + filepath.Join(h.dir, file) + "?vfs=" + h.disk.Name)
		if err == nil {
			_, _, _ = db.WALCheckpoint("main", sqlite3.CHECKPOINT_RESTART)
			_ = db.Close()
		}
	}
}

// trySession opens the store, uses it and closes it. Each step may fail.
func (h *history) trySession(use func(*sqlite.Store)) {
	s, err := h.tryOpen()
	if err != nil {
		h.checkError("open", err)
		return
	}
	use(s)
	h.tryClose(s)
}

// tryClose closes the store, which may fail.
func (h *history) tryClose(s *sqlite.Store) {
	if s.Ping(context.Background()) == nil {
		h.disk.Mark(simdisk.CutHere("Ping succeeded"))
	}
	if err := s.Close(); err == nil {
		h.disk.Mark(markClosed{})
	}
}

// tryChange makes a change. It may fail, but only with an honest error.
func (h *history) tryChange(s *sqlite.Store, changes ...myvault.Change) {
	err := h.apply(s, changes...)
	if refusal(err) {
		return
	}
	h.checkError("a change", err)
}

// refusal reports whether err is about the request and not about the disk.
func refusal(err error) bool {
	return errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrConflict) ||
		errors.Is(err, myvault.ErrExists) || errors.Is(err, myvault.ErrDestroyed)
}

func (h *history) tryRecord(s *sqlite.Store) { h.checkError("an entry", h.record(s)) }

// checkRead reads a secret: its value is the last acknowledged one, or one that may have been
// written since.
func (h *history) checkRead(s *sqlite.Store, where string) {
	secret, err := s.Get(context.Background(), storetest.Addr(where), 0)
	if err != nil {
		if !errors.Is(err, myvault.ErrNotFound) {
			h.checkError("a read", err)
		}
		return
	}
	var n, i int
	if _, err := fmt.Sscanf(secret.Value.Reveal(), "%d.%d ", &n, &i); err != nil {
		h.t.Errorf("%s has a value that was never written", where)
		return
	}
	for later := n + 1; later < len(h.commits); later++ {
		for _, c := range h.commits[later].changes {
			if c.Address == secret.Address && c.Op == myvault.OpPut && h.commits[later].infos != nil {
				h.t.Errorf("%s has the value of commit %d, but %d was acknowledged", where, n, later)
			}
		}
	}
}

// checkError accepts nil and the errors that a failing disk may cause.
func (h *history) checkError(what string, err error) {
	if err != nil && !errors.Is(err, myvault.ErrUnavailable) && !errors.Is(err, myvault.ErrUnknownOutcome) {
		h.t.Errorf("%s: unexpected error: %v", what, err)
	}
}
