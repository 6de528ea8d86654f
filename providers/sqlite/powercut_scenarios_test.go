package sqlite_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// A powerScenario is something a program may do with a store when the power fails.
type powerScenario struct {
	name string
	// from gives what is on the disk before, below its root; nil: nothing.
	from func(t *testing.T, root string)
	run  func(h *history)
}

var powerScenarios = []powerScenario{
	{name: "create", run: (*history).creates},
	{name: "changes", run: (*history).changes},
	{name: "several at once", run: (*history).commitsSeveral},
	{name: "many callers", run: (*history).callsFromMany},
	{name: "checkpoints", run: (*history).checkpoints},
	{name: "destroy", run: (*history).destroys},
	{name: "access entries", run: (*history).leavesTime},
	{name: "two stores", run: (*history).opensTwice},
	{name: "epochs", run: (*history).changesEpochs},
	{name: "another master key", run: (*history).rekeys},
	{name: "another data key", run: (*history).sealsAnew},
	{name: "pruning", run: (*history).prunes},
	{name: "backup and restore", run: (*history).backsUp},
	{name: "open again", run: (*history).opensAgain},
	{name: "after a crash", from: afterACrash, run: (*history).opensAgain},
	{name: "released formats", from: releasedStore, run: (*history).opensAgain},
}

// creates makes a store, in a directory that is made too.
func (h *history) creates() {
	s := h.open()
	h.must(s, put("p/a", "one"))
	h.mustRead(s)
	h.close(s)
}

// changes makes each kind of change, one after the other.
func (h *history) changes() {
	s := h.open()
	project := func(op myvault.Op, name string) myvault.Change {
		return myvault.Change{Op: op, Project: myvault.Project{Name: name, Description: "about " + name}}
	}
	h.must(s, put("p/a", "one"))
	h.must(s, put("p/a", "two"))
	h.must(s, on(myvault.OpDelete, "p/a"))
	h.mustRead(s)
	h.must(s, on(myvault.OpUndelete, "p/a"))
	h.must(s, put("p/a", "three"))
	h.must(s, on(myvault.OpDestroy, "p/a", 1))
	h.must(s, project(myvault.OpPutProject, "q"))
	h.must(s, project(myvault.OpDefaultProject, "q"))
	h.must(s, put("q/deep/er/path", strings.Repeat("long ", 3000)))
	if h.ask(s, project(myvault.OpDeleteProject, "q")) == nil {
		h.t.Error("a project with a secret was deleted")
	}
	h.must(s, on(myvault.OpDelete, "q/deep/er/path"))
	h.must(s, project(myvault.OpDeleteProject, "q"))
	h.mustRead(s)
	h.close(s)
}

// commitsSeveral commits several changes in one, some of which are refused.
func (h *history) commitsSeveral() {
	s := h.open()
	for n := range 4 {
		h.must(s, put("p/a", "x"), put(fmt.Sprint("p/b", n), strings.Repeat("y", 2000)), put("q/c", "z"))
		if h.ask(s, put("p/lost", "x"), put("p/a", "y", myvault.IfAbsent())) == nil {
			h.t.Error("a condition did not hold and the commit was made")
		}
		h.must(s, on(myvault.OpDelete, "p/a"), on(myvault.OpDelete, "q/c"))
	}
	h.close(s)
}

// callsFromMany has commits share a transaction, with some that fail among them.
func (h *history) callsFromMany() {
	s := h.open()
	h.must(s, put("p/taken", "x"))
	var callers sync.WaitGroup
	for n := range 8 {
		callers.Go(func() {
			for i := range 3 {
				h.must(s, put(fmt.Sprint("p/a", n), "x"), put(fmt.Sprintf("p/b%d.%d", n, i), "y"))
				if err := h.ask(s, put(fmt.Sprint("p/c", n), "x"), put("p/taken", "y", myvault.IfAbsent())); err == nil {
					h.t.Error("a condition did not hold and the commit was made")
				}
				h.mustRead(s)
			}
		})
	}
	callers.Wait()
	h.close(s)
}

// checkpoints brings the write-ahead logs into their files in every way, while it goes on.
func (h *history) checkpoints() {
	s := h.open()
	for n, mode := range []sqlite3.CheckpointMode{
		sqlite3.CHECKPOINT_PASSIVE, sqlite3.CHECKPOINT_FULL, sqlite3.CHECKPOINT_RESTART,
		sqlite3.CHECKPOINT_PASSIVE, sqlite3.CHECKPOINT_TRUNCATE,
	} {
		h.must(s, put("p/a", strings.Repeat("v", 6000)), put(fmt.Sprint("p/b", n), "x"))
		h.mustRead(s)
		h.checkpoint("vault.db", mode)
		h.checkpoint("access.db", mode)
		h.must(s, put("p/a", "small"))
		h.mustRead(s)
		time.Sleep(2 * syncPromise)
	}
	h.close(s)
}

// destroys removes values for good, some of them large.
func (h *history) destroys() {
	s := h.open()
	h.must(s, put("p/a", "one"), put("p/b", strings.Repeat("v", 9000)))
	h.must(s, put("p/a", "two"))
	h.destroy(s, "p/a")
	h.must(s, put("p/a", "three"))
	h.destroy(s, "p/b")
	h.must(s, put("p/c", "four"))
	h.close(s)
}

// syncPromise is how long an access entry may wait for the disk.
const syncPromise = 100 * time.Millisecond

// leavesTime leaves time between entries, so that some are promised and some not yet.
func (h *history) leavesTime() {
	s := h.open()
	for n := range 12 {
		h.mustRead(s)
		time.Sleep(time.Duration(n*n*7%61) * time.Millisecond)
		if n == 6 {
			h.checkpoint("access.db", sqlite3.CHECKPOINT_RESTART)
		}
	}
	time.Sleep(2 * syncPromise)
	h.mustRead(s)
	time.Sleep(2 * syncPromise)
	h.close(s)
	time.Sleep(syncPromise)
	s = h.open()
	h.mustRead(s)
	time.Sleep(2 * syncPromise)
	h.close(s)
}

// opensTwice writes by turns, as two processes do.
func (h *history) opensTwice() {
	a, b := h.open(), h.open()
	for n := range 4 {
		h.must(a, put("p/a", "x"))
		h.mustRead(b)
		h.must(b, put("p/a", "y"), put(fmt.Sprint("p/b", n), "z"))
		h.mustRead(a)
		time.Sleep(syncPromise / 2)
	}
	h.close(a)
	h.must(b, put("p/a", "last"))
	h.close(b)
}

// changesEpochs begins a new data key every few rows.
func (h *history) changesEpochs() {
	h.config = h.config.WithEpochLimit(3)
	s := h.open()
	for n := range 5 {
		h.must(s, put("p/a", "x"), put(fmt.Sprint("p/b", n), "z"))
	}
	h.close(s)
}

// opensAgain goes on with what is there, and closes between.
func (h *history) opensAgain() {
	for range 2 {
		s := h.open()
		h.must(s, put("again/a", "x"))
		h.mustRead(s)
		h.must(s, put("again/b", "y"), on(myvault.OpDelete, "again/a"))
		time.Sleep(2 * syncPromise)
		h.close(s)
	}
}

// afterACrash leaves a store with its write-ahead logs, which the first opening recovers.
func afterACrash(t *testing.T, root string) {
	dir := crashed(t, releasedMaster(t))
	must(t, os.CopyFS(root+"/store", os.DirFS(dir)))
}

// releasedStore puts a store of a released format there.
func releasedStore(t *testing.T, root string) {
	must(t, os.CopyFS(root+"/store", os.DirFS("testdata/format-3")))
}
