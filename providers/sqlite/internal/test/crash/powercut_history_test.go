package crash_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// history records the requests to a store on a simulated disk, and the answers. Answers are also
// marks in the record of the disk, so that each cut knows the promises made before it.
type history struct {
	t      testing.TB
	disk   *simdisk.Disk
	dir    string
	keys   []crypto.Key              // those that may open it, the first one at first
	finish func(*sqlite.Store) error // goes on with an operation that the cut may have ended
	again  func(*sqlite.Store) error // as finish, where the disk has failed and no cut ended it
	config storetest.Options

	mu      sync.Mutex
	commits []*promise
	reads   int
	before  []string // contents of the store before, which stay unchanged
	faulty  bool     // only a Close without an error promises access entries
	fault   simdisk.Fault
}

// promise is a commit and its result.
type promise struct {
	changes []myvault.Change
	at      time.Time
	infos   []myvault.Info
	after   map[int]bool // commits acknowledged before it started
}

// Marks in the record of the disk. Numbers are those of commits and access entries.
type (
	markBegun    int
	markAnswered int
	markDenied   int      // with an error that says that it was not made
	markRecorded int      // an access entry that was acknowledged
	markOpened   string   // the incarnation
	markScrubbed [][]byte // records that were destroyed
	markClosed   struct{} // without an error
)

// newHistory returns the history of a store on an empty disk.
func newHistory(t testing.TB, root string, change func(*simdisk.Disk)) *history {
	key, err := crypto.ParseKey(storetest.ReleasedKey)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, disk: simdisk.New(t, root), dir: filepath.Join(root, "store"), keys: []crypto.Key{key}}
	if change != nil {
		change(h.disk)
	}
	h.config = configOf(h.disk)
	return h
}

// configOf returns options for a store on the disk that keeps its entries at any time.
func configOf(d *simdisk.Disk) storetest.Options {
	c := storetest.OptionsOf(sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}})
	return c.WithVFS(d.Name).WithFsync(d.Fsync).WithFailing(d.Fails)
}

// tryOpen opens the store with the first key that fits.
func (h *history) tryOpen() (*sqlite.Store, error) {
	s, _, err := h.openWithAnyKey(h.dir, h.config)
	if err == nil {
		h.disk.Mark(markOpened(s.Incarnation()))
	}
	return s, err
}

// open opens the store, which must not fail.
func (h *history) open() *sqlite.Store {
	s, err := h.tryOpen()
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// apply commits changes and marks the result.
func (h *history) apply(s *sqlite.Store, changes ...myvault.Change) error {
	h.mu.Lock()
	n := len(h.commits)
	a := &promise{changes: changes, at: storetest.At.Add(time.Duration(n) * time.Second), after: map[int]bool{}}
	for before, c := range h.commits {
		a.after[before] = c.infos != nil
	}
	h.commits = append(h.commits, a)
	h.mu.Unlock()
	for i, c := range changes {
		if c.Op == myvault.OpPut {
			changes[i].Value = myvault.Text(fmt.Sprintf("%d.%d %s", n, i, c.Value.Reveal()))
		}
	}
	h.disk.Mark(markBegun(n))
	infos, err := s.Apply(context.Background(), a.commit(n))
	switch {
	case err == nil:
		h.mu.Lock()
		a.infos = infos
		h.mu.Unlock()
		h.disk.Mark(markAnswered(n))
	case !errors.Is(err, myvault.ErrUnknownOutcome):
		h.disk.Mark(markDenied(n))
	}
	return err
}

// commit returns the commit for a provider, with its number in the entries.
func (a *promise) commit(n int) myvault.Commit {
	c := myvault.Commit{Changes: a.changes, By: "tester", At: a.at}
	for _, change := range a.changes {
		c.Entries = append(c.Entries, myvault.Entry{
			Service: "tester", Action: change.Op.String(), At: a.at, Request: fmt.Sprint("commit ", n),
		})
	}
	return c
}

// mustApply is apply without an expected error.
func (h *history) mustApply(s *sqlite.Store, changes ...myvault.Change) {
	if err := h.apply(s, changes...); err != nil {
		h.t.Error(err)
	}
}

// record records an access entry and marks it as acknowledged.
func (h *history) record(s *sqlite.Store) error {
	h.mu.Lock()
	n := h.reads
	h.reads++
	h.mu.Unlock()
	err := s.Record(context.Background(), myvault.Entry{
		Service: "tester", Action: "read", At: storetest.At, Address: storetest.Addr("p/a"), Request: fmt.Sprint("read ", n),
	})
	if err == nil {
		h.disk.Mark(markRecorded(n))
	}
	return err
}

// mustRecord is record without an expected error.
func (h *history) mustRecord(s *sqlite.Store) {
	if err := h.record(s); err != nil {
		h.t.Error(err)
	}
}

// close closes the store.
func (h *history) close(s *sqlite.Store) {
	if err := s.Close(); err != nil {
		h.t.Error(err)
	}
}

// checkpoint runs a checkpoint of a file, as another program may.
func (h *history) checkpoint(file string, mode sqlite3.CheckpointMode) {
	db, err := sqlite3.Open("file:" + filepath.Join(h.dir, file) + "?vfs=" + h.disk.Name)
	if err == nil {
		_, _, err = db.WALCheckpoint("main", mode)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		h.t.Error(err)
	}
}

// blobs returns the first column of a query, to be searched for once it is gone.
func (h *history) blobs(file, query string) (all markScrubbed) {
	db, err := sqlite3.Open("file:" + filepath.Join(h.dir, file) + "?vfs=" + h.disk.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	stmt, _, err := db.Prepare(query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		all = append(all, stmt.ColumnBlob(0, nil))
	}
	if len(all) == 0 {
		h.t.Fatal("nothing to look for")
	}
	return all
}

// destroy destroys all versions of an address and marks that their bytes must be gone.
func (h *history) destroy(s *sqlite.Store, where string) {
	gone := h.blobs("vault.db", `SELECT sealed FROM log WHERE sealed IS NOT NULL AND project || '/' || path = '`+where+`'`)
	h.mustApply(s, storetest.On(myvault.OpDestroy, where))
	h.disk.Mark(gone)
}
