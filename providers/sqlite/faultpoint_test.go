package sqlite_test

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
)

// kindsOfFault are the ways in which a disk fails, at each operation in turn.
var kindsOfFault = map[string]simdisk.Fault{
	"an error":                {},
	"half a write":            {Short: true},
	"errors from there on":    {Lasting: true},
	"no space":                {Full: true},
	"no space from there on":  {Full: true, Lasting: true, Short: true},
	"a read":                  {Reads: true},
	"all reads from there on": {Reads: true, Lasting: true},
}

// faultsPerKind is how many operations of a life the short pass fails in each way.
const faultsPerKind = 8

// TestFaultPoints lets the disk fail at every operation of a store's life. What was
// acknowledged is kept, what was refused is not done, and once the fault is over the
// store goes on.
func TestFaultPoints(t *testing.T) {
	total := 0
	for _, l := range lives {
		for name, kind := range kindsOfFault {
			t.Run(l.name+"/"+name, func(t *testing.T) { total += failEverywhere(t, l, kind) })
		}
	}
	t.Logf("%d faults in %d lives, seed %d", total, len(lives), *chance)
}

// arm has the disk fail from now on, as the fault says.
func (h *history) arm() { h.disk.Fail(h.fault) }

// failEverywhere gives how many faults it has made.
func failEverywhere(t *testing.T, l life, kind simdisk.Fault) (runs int) {
	operations := live(t, l, kind)
	stride, first := 1, 0
	if !longPass() {
		stride = max(1, operations/cmp.Or(l.short, faultsPerKind))
		first = rand.New(rand.NewPCG(*chance, uint64(len(t.Name())))).IntN(stride)
	}
	for kind.At = first + 1; kind.At <= operations; kind.At += stride {
		runs++
		if live(t, l, kind); t.Failed() {
			break
		}
	}
	return runs
}

// live runs a life with one fault, and gives how many operations the disk saw before the
// fault was mended.
func live(t *testing.T, l life, fault simdisk.Fault) (operations int) {
	cryptotest.SetGlobalRandom(t, *chance)
	root := t.TempDir()
	if l.from != nil {
		l.from(t, root)
	}
	h := newHistory(t, root, nil)
	h.faulty = true
	if l.from != nil {
		h.before = heldBy(t, copied(t, h.dir), h.keys[0])
	}
	h.fault = fault
	if !l.arms {
		h.arm()
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
		h.recovers()
	})
	h.t = t
	if t.Failed() || fault.At == 0 {
		return operations
	}
	if _, err := h.examine(t, *chance, 0, 2); err != nil {
		t.Error(err)
	}
	return operations
}

// recovers proves that the store works once the fault is over: at once when it is opened
// again. What the files hold is proved with the cuts at the end, of which one is everything.
func (h *history) recovers() {
	s := h.open()
	for _, again := range []func(*sqlite.Store) error{h.finish, h.again} {
		if again == nil {
			continue
		}
		if err := again(s); err != nil {
			h.t.Errorf("called again once the disk is mended: %v", err)
		}
	}
	h.must(s, put("p/after", "all is well"))
	h.mustRead(s)
	if _, err := s.Verify(context.Background()); err != nil {
		h.t.Error(err)
	}
	time.Sleep(2 * syncPromise)
	h.close(s)
	h.disk.Mark(markClosed{})
}

// A life is what a store goes through while the disk fails. It takes errors, but only such
// that tell the truth.
type life struct {
	name string
	from func(t *testing.T, root string)
	run  func(h *history)
	// arms: the run itself says from where on the disk fails.
	arms bool
	// short is how many operations the short pass fails in each way; 0: faultsPerKind.
	short int
}

var lives = []life{
	{name: "from the beginning", run: (*history).livesFromTheBeginning},
	{name: "after a crash", from: afterACrash, run: (*history).livesOn},
	{name: "released formats", from: releasedMode, run: (*history).livesOn, short: 1},
	{name: "another master key", run: (*history).livesThroughARekey, arms: true, short: 1},
	{name: "another data key", run: (*history).livesThroughAReseal, arms: true, short: 1},
	{name: "pruning versions", run: (*history).livesThroughVersions, arms: true, short: 1},
	{name: "pruning entries", run: (*history).livesThroughEntries, arms: true, short: 1},
	{name: "backup", run: (*history).livesThroughABackup, arms: true, short: 1},
	{name: "restore", run: (*history).livesThroughARestore, arms: true, short: 1},
	{name: "verify backup", run: (*history).livesThroughAProof, arms: true, short: 1},
}

func (h *history) livesFromTheBeginning() {
	h.session(func(s *sqlite.Store) {
		h.dares(s, put("p/a", "one"))
		h.dares(s, put("p/a", "two"), put("p/b", strings.Repeat("x", 5000)))
		h.looks(s, "p/a")
		h.daresToRead(s)
		h.dares(s, put("p/lost", "x"), put("p/c", "y", myvault.IfPresent()))
		h.dares(s, on(myvault.OpDelete, "p/b"))
		time.Sleep(2 * syncPromise)
		h.dares(s, on(myvault.OpUndelete, "p/b"))
		h.dares(s, on(myvault.OpDestroy, "p/a", 1))
		h.daresToRead(s)
		h.dares(s, put("p/a", "three"))
		h.looks(s, "p/a")
	})
	h.livesOn()
}

func (h *history) livesOn() {
	h.session(func(s *sqlite.Store) {
		h.dares(s, put("again/a", "one"))
		h.looks(s, "again/a")
		h.daresToRead(s)
		h.checkpoints2(s)
		h.dares(s, put("again/a", "two"))
		h.daresToRead(s)
		time.Sleep(2 * syncPromise)
		h.looks(s, "again/a")
	})
}

// checkpoints2 has a checkpoint done as another program does it, which may fail.
func (h *history) checkpoints2(s *sqlite.Store) {
	for _, file := range []string{"vault.db", "access.db"} {
		db, err := sqlite3.Open("file:" + filepath.Join(h.dir, file) + "?vfs=" + h.disk.Name)
		if err == nil {
			_, _, _ = db.WALCheckpoint("main", sqlite3.CHECKPOINT_RESTART)
			_ = db.Close()
		}
	}
}

// session opens the store, uses it and closes it, where the disk lets it.
func (h *history) session(use func(*sqlite.Store)) {
	s, err := h.try()
	if err != nil {
		h.honest("open", err)
		return
	}
	use(s)
	h.leaves(s)
}

// leaves closes the store where the disk lets it.
func (h *history) leaves(s *sqlite.Store) {
	if s.Ping(context.Background()) == nil {
		h.disk.Mark(simdisk.Here("the store says that it is well"))
	}
	if err := s.Close(); err == nil {
		h.disk.Mark(markClosed{})
	}
}

// dares asks for a change that may fail, but honestly.
func (h *history) dares(s *sqlite.Store, changes ...myvault.Change) {
	err := h.ask(s, changes...)
	if refusal(err) {
		return
	}
	h.honest("a change", err)
}

// refusal reports whether the error is one of what was asked, not of the disk.
func refusal(err error) bool {
	return errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrConflict) ||
		errors.Is(err, myvault.ErrExists) || errors.Is(err, myvault.ErrDestroyed)
}

func (h *history) daresToRead(s *sqlite.Store) { h.honest("an entry", h.read(s)) }

// looks reads a secret: the value is one that was acknowledged last, or may have been written
// since.
func (h *history) looks(s *sqlite.Store, where string) {
	secret, err := s.Get(context.Background(), addr(where), 0)
	if err != nil {
		if !errors.Is(err, myvault.ErrNotFound) {
			h.honest("a read", err)
		}
		return
	}
	var n, i int
	if _, err := fmt.Sscanf(secret.Value.Reveal(), "%d.%d ", &n, &i); err != nil {
		h.t.Errorf("%s has a value that was never put", where)
		return
	}
	for later := n + 1; later < len(h.commits); later++ {
		for _, c := range h.commits[later].changes {
			if c.Address == secret.Address && c.Op == myvault.OpPut && h.commits[later].infos != nil {
				h.t.Errorf("%s has the value of commit %d and not that of %d, which was acknowledged", where, n, later)
			}
		}
	}
}

// honest accepts no error, and those that a failing disk may give.
func (h *history) honest(what string, err error) {
	if err != nil && !errors.Is(err, myvault.ErrUnavailable) && !errors.Is(err, myvault.ErrUnknownOutcome) {
		h.t.Errorf("%s answered: %v", what, err)
	}
}
