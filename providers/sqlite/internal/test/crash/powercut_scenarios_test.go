package crash_test

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// A powerScenario uses a store until the power fails.
type powerScenario struct {
	name string
	// from fills the disk below root before run; nil: the disk is empty.
	from func(t *testing.T, root string)
	run  func(h *history)
}

var powerScenarios = []powerScenario{
	{name: "create", run: (*history).runCreate},
	{name: "changes", run: (*history).runChanges},
	{name: "several at once", run: (*history).runCommits},
	{name: "many callers", run: (*history).runConcurrentCalls},
	{name: "checkpoints", run: (*history).runCheckpoints},
	{name: "destroy", run: (*history).runDestroys},
	{name: "access entries", run: (*history).runSlowEntries},
	{name: "two stores", run: (*history).runTwoStores},
	{name: "epochs", run: (*history).runEpochs},
	{name: "another master key", run: (*history).runRekey},
	{name: "another data key", run: (*history).runReencrypt},
	{name: "pruning", run: (*history).runPrune},
	{name: "backup and restore", run: (*history).runBackupAndRestore},
	{name: "open again", run: (*history).runReopen},
	{name: "after a crash", from: afterACrash, run: (*history).runReopen},
	{name: "released formats", from: releasedStore, run: (*history).runReopen},
}

// runCreate creates a store and its directory.
func (h *history) runCreate() {
	s := h.open()
	h.mustApply(s, storetest.Put("p/a", "one"))
	h.mustRecord(s)
	h.close(s)
}

// runChanges makes each kind of change, one after the other.
func (h *history) runChanges() {
	s := h.open()
	project := func(op myvault.Op, name string) myvault.Change {
		return myvault.Change{Op: op, Project: myvault.Project{Name: name, Description: "about " + name}}
	}
	h.mustApply(s, storetest.Put("p/a", "one"))
	h.mustApply(s, storetest.Put("p/a", "two"))
	h.mustApply(s, storetest.On(myvault.OpDelete, "p/a"))
	h.mustRecord(s)
	h.mustApply(s, storetest.On(myvault.OpUndelete, "p/a"))
	h.mustApply(s, storetest.Put("p/a", "three"))
	h.mustApply(s, storetest.On(myvault.OpDestroy, "p/a", 1))
	h.mustApply(s, project(myvault.OpPutProject, "q"))
	h.mustApply(s, project(myvault.OpDefaultProject, "q"))
	h.mustApply(s, storetest.Put("q/deep/er/path", strings.Repeat("long ", 3000)))
	if h.apply(s, project(myvault.OpDeleteProject, "q")) == nil {
		h.t.Error("a project with a secret was deleted")
	}
	h.mustApply(s, storetest.On(myvault.OpDelete, "q/deep/er/path"))
	h.mustApply(s, project(myvault.OpDeleteProject, "q"))
	h.mustRecord(s)
	h.close(s)
}

// runCommits makes commits of several changes, some of which are refused.
func (h *history) runCommits() {
	s := h.open()
	for n := range 4 {
		h.mustApply(s, storetest.Put("p/a", "x"), storetest.Put(fmt.Sprint("p/b", n), strings.Repeat("y", 2000)), storetest.Put("q/c", "z"))
		if h.apply(s, storetest.Put("p/lost", "x"), storetest.Put("p/a", "y", myvault.IfAbsent())) == nil {
			h.t.Error("a condition did not hold and the commit was made")
		}
		h.mustApply(s, storetest.On(myvault.OpDelete, "p/a"), storetest.On(myvault.OpDelete, "q/c"))
	}
	h.close(s)
}

// runConcurrentCalls makes commits that share a transaction, some of which fail.
func (h *history) runConcurrentCalls() {
	s := h.open()
	h.mustApply(s, storetest.Put("p/taken", "x"))
	var callers sync.WaitGroup
	for n := range 8 {
		callers.Go(func() {
			for i := range 3 {
				h.mustApply(s, storetest.Put(fmt.Sprint("p/a", n), "x"), storetest.Put(fmt.Sprintf("p/b%d.%d", n, i), "y"))
				if err := h.apply(s, storetest.Put(fmt.Sprint("p/c", n), "x"), storetest.Put("p/taken", "y", myvault.IfAbsent())); err == nil {
					h.t.Error("a condition did not hold and the commit was made")
				}
				h.mustRecord(s)
			}
		})
	}
	callers.Wait()
	h.close(s)
}

// runCheckpoints runs every kind of checkpoint between changes.
func (h *history) runCheckpoints() {
	s := h.open()
	for n, mode := range []sqlite3.CheckpointMode{
		sqlite3.CHECKPOINT_PASSIVE, sqlite3.CHECKPOINT_FULL, sqlite3.CHECKPOINT_RESTART,
		sqlite3.CHECKPOINT_PASSIVE, sqlite3.CHECKPOINT_TRUNCATE,
	} {
		h.mustApply(s, storetest.Put("p/a", strings.Repeat("v", 6000)), storetest.Put(fmt.Sprint("p/b", n), "x"))
		h.mustRecord(s)
		h.checkpoint("vault.db", mode)
		h.checkpoint("access.db", mode)
		h.mustApply(s, storetest.Put("p/a", "small"))
		h.mustRecord(s)
		time.Sleep(2 * syncPromise)
	}
	h.close(s)
}

// runDestroys destroys values, some of them large.
func (h *history) runDestroys() {
	s := h.open()
	h.mustApply(s, storetest.Put("p/a", "one"), storetest.Put("p/b", strings.Repeat("v", 9000)))
	h.mustApply(s, storetest.Put("p/a", "two"))
	h.destroy(s, "p/a")
	h.mustApply(s, storetest.Put("p/a", "three"))
	h.destroy(s, "p/b")
	h.mustApply(s, storetest.Put("p/c", "four"))
	h.close(s)
}

// syncPromise is how long an access entry may wait for the disk.
const syncPromise = 100 * time.Millisecond

// runSlowEntries pauses between entries, so that some are promised and some not yet.
func (h *history) runSlowEntries() {
	s := h.open()
	for n := range 12 {
		h.mustRecord(s)
		time.Sleep(time.Duration(n*n*7%61) * time.Millisecond)
		if n == 6 {
			h.checkpoint("access.db", sqlite3.CHECKPOINT_RESTART)
		}
	}
	time.Sleep(2 * syncPromise)
	h.mustRecord(s)
	time.Sleep(2 * syncPromise)
	h.close(s)
	time.Sleep(syncPromise)
	s = h.open()
	h.mustRecord(s)
	time.Sleep(2 * syncPromise)
	h.close(s)
}

// runTwoStores writes through two stores in turn, like two processes.
func (h *history) runTwoStores() {
	a, b := h.open(), h.open()
	for n := range 4 {
		h.mustApply(a, storetest.Put("p/a", "x"))
		h.mustRecord(b)
		h.mustApply(b, storetest.Put("p/a", "y"), storetest.Put(fmt.Sprint("p/b", n), "z"))
		h.mustRecord(a)
		time.Sleep(syncPromise / 2)
	}
	h.close(a)
	h.mustApply(b, storetest.Put("p/a", "last"))
	h.close(b)
}

// runEpochs makes a new data key every few rows.
func (h *history) runEpochs() {
	h.config = h.config.WithEpochLimit(3)
	s := h.open()
	for n := range 5 {
		h.mustApply(s, storetest.Put("p/a", "x"), storetest.Put(fmt.Sprint("p/b", n), "z"))
	}
	h.close(s)
}

// runReopen continues with an existing store and reopens it.
func (h *history) runReopen() {
	for range 2 {
		s := h.open()
		h.mustApply(s, storetest.Put("again/a", "x"))
		h.mustRecord(s)
		h.mustApply(s, storetest.Put("again/b", "y"), storetest.On(myvault.OpDelete, "again/a"))
		time.Sleep(2 * syncPromise)
		h.close(s)
	}
}

// afterACrash copies a store with its write-ahead logs, which the first Open recovers.
func afterACrash(t *testing.T, root string) {
	dir := storetest.Crashed(t, releasedMaster(t))
	storetest.Must(t, os.CopyFS(root+"/store", os.DirFS(dir)))
}

// releasedStore copies a store of a released format.
func releasedStore(t *testing.T, root string) {
	format, err := fs.Sub(storetest.ReleasedFormats, "testdata/format-3")
	storetest.Must(t, err)
	storetest.Must(t, os.CopyFS(root+"/store", format))
}
