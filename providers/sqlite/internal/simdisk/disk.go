// Package simdisk simulates a disk for tests. It is a layer between SQLite and the files of a
// directory, and
//
//   - records every write, truncation, sync and change of a name, and the marks of a test
//     ([Disk.Mark]);
//   - computes from that record the states that a power cut could leave at any point
//     ([Disk.Cuts]);
//   - fails any of these operations, once or permanently ([Disk.Fail]).
//
// Nothing is synced to the real disk: a sync is only recorded, so it is fast.
//
// Changes not made through SQLite (names, files of the program itself) are found by scanning the
// directory, and made durable by [Disk.Fsync].
package simdisk

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
)

// Disk simulates a disk with the files below a directory. Create one with [New].
type Disk struct {
	// Name is the name of the SQLite file system.
	Name string
	// Careless: the device does not promise powersafe overwrite, and says so. A cut may damage
	// the bytes in the same sector as an unsynced write. https://sqlite.org/psow.html
	Careless bool
	// FalsePromise: like Careless, but the device promises powersafe overwrite.
	FalsePromise bool

	vfs.VFSFilename // the operating system's
	root            string
	unrecorded      bool

	mu     sync.Mutex
	nodes  []*node // the first is the root
	events []event
	faults faults
}

// New returns a disk on which the files now below root are durable, and registers its file system.
func New(t testing.TB, root string) *Disk {
	d := &Disk{root: root, VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	d.Name = strings.NewReplacer("/", "-", "#", "-").Replace(root)
	vfs.Register(d.Name, d)
	t.Cleanup(func() {
		vfs.Unregister(d.Name)
		for _, n := range d.nodes {
			_ = n.held.Close()
		}
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.node(root); err != nil {
		t.Fatal(err)
	}
	d.scan()
	for _, e := range d.events {
		e.node.start(e)
	}
	d.events = nil
	return d
}

// NewUnrecorded returns a disk below root that records nothing. Its syncs are fast.
func NewUnrecorded(t testing.TB, root string) *Disk {
	d := &Disk{root: root, VFSFilename: vfs.Find("").(vfs.VFSFilename), unrecorded: true}
	d.Name = strings.NewReplacer("/", "-", "#", "-").Replace(root) + "-unrecorded"
	vfs.Register(d.Name, d)
	t.Cleanup(func() { vfs.Unregister(d.Name) })
	return d
}

// node is a file or a directory, under any names.
type node struct {
	held   *os.File // open, so that its inode is not reused
	info   os.FileInfo
	engine bool             // SQLite writes to it
	seen   []byte           // its content, if SQLite does not
	lost   bool             // a sync of it failed
	names  map[string]*node // of a directory: its children
	// The state when the recording started.
	content []byte
	entries map[string]*node
}

// start applies an event to the initial state.
func (n *node) start(e event) {
	switch e.op {
	case opWrite:
		n.content = overwrite(n.content, e.off, e.data)
	case opName:
		if n.entries == nil {
			n.entries = map[string]*node{}
		}
		n.entries[e.name] = e.child
	}
}

type op uint8

const (
	opWrite op = iota
	opTruncate
	opSync
	opSyncFailed // a failed sync: the changes before it may be lost
	opName
	opMark
)

// event is one recorded operation.
type event struct {
	op    op
	node  *node
	off   int64 // of a write; the size of a truncation
	data  []byte
	name  string // in a directory; of a sync: the only name that it makes durable, "" for all
	child *node  // nil: the name was removed
	began int    // of a sync: the events before it
	mark  any
	at    time.Time
}

// add records an event; the caller holds the lock.
func (d *Disk) add(e event) {
	if d.unrecorded {
		return
	}
	e.at = time.Now()
	d.events = append(d.events, e)
}

// Mark records an observation of the test, for example an acknowledgement.
func (d *Disk) Mark(mark any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scan()
	d.add(event{op: opMark, mark: mark})
}

// Fsync replaces (*os.File).Sync for files and directories.
func (d *Disk) Fsync(f *os.File) error {
	if !d.unrecorded {
		d.rewritten(f.Name())
	}
	if err := d.begin(Sync, f.Name()); err != nil {
		d.synced(f.Name(), d.now(), err)
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return d.synced(f.Name(), d.now(), nil)
}

// now returns the number of events so far.
func (d *Disk) now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scan()
	return len(d.events)
}

// synced records a sync of the changes before the event began.
func (d *Disk) synced(path string, began int, failed error) error {
	if d.unrecorded {
		return failed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.node(path)
	if err != nil {
		return err
	}
	d.sync(n, began, failed)
	return nil
}

func (d *Disk) sync(n *node, began int, failed error) {
	e := event{op: opSync, node: n, began: began}
	if failed != nil {
		e.op, n.lost = opSyncFailed, true
		n.age()
	}
	d.add(e)
}

// longAgo is set as the time of a file whose sync failed. It shows whether the program rewrites
// the file itself and not through SQLite.
var longAgo = time.Unix(1, 0)

func (n *node) age() {
	if n != nil && n.lost && n.names == nil {
		_ = os.Chtimes(n.held.Name(), longAgo, longAgo)
	}
}

// rewritten records the content of a file that was written without SQLite after a failed sync.
func (d *Disk) rewritten(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.node(path)
	if err != nil || !n.lost || n.names != nil {
		return
	}
	info, err := n.held.Stat()
	if err != nil || info.ModTime().Equal(longAgo) {
		return
	}
	content := make([]byte, info.Size())
	if _, err := n.held.ReadAt(content, 0); err == nil || err == io.EOF {
		d.add(event{op: opWrite, node: n, data: content})
		n.age()
	}
}

// node returns the node of a path, and adds it to d.nodes.
func (d *Disk) node(path string) (*node, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	for _, n := range d.nodes {
		if os.SameFile(n.info, info) {
			return n, nil
		}
	}
	held, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	n := &node{held: held, info: info}
	if info.IsDir() {
		n.names = map[string]*node{}
	}
	d.nodes = append(d.nodes, n)
	return n, nil
}

// scan records changes of directories, and of files that SQLite does not write. Removals during
// the scan are recorded by the next one.
func (d *Disk) scan() {
	if !d.unrecorded {
		d.scanDir(d.nodes[0], d.root)
	}
}

func (d *Disk) scanDir(dir *node, path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	gone := map[string]bool{}
	for name := range dir.names {
		gone[name] = true
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, "-shm") {
			continue // the first connection creates it again
		}
		n, err := d.node(filepath.Join(path, name))
		if err != nil {
			continue
		}
		delete(gone, name)
		if dir.names[name] != n {
			dir.names[name] = n
			d.add(event{op: opName, node: dir, name: name, child: n})
		}
		if n.names != nil {
			d.scanDir(n, filepath.Join(path, name))
		} else if !n.engine {
			d.reread(n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		delete(dir.names, name)
		d.add(event{op: opName, node: dir, name: name})
	}
}

// reread records the content of a file that SQLite does not write, if it changed.
func (d *Disk) reread(n *node) {
	info, err := n.held.Stat()
	if err != nil {
		return
	}
	content := make([]byte, info.Size())
	if _, err := n.held.ReadAt(content, 0); err != nil && err != io.EOF || bytes.Equal(content, n.seen) {
		return
	}
	n.seen = content
	d.add(event{op: opTruncate, node: n})
	d.add(event{op: opWrite, node: n, data: content})
}
