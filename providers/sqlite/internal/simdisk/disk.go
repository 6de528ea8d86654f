// Package simdisk is a disk for tests, which loses what a real one may lose. It stands
// between the database engine and the files of a directory, and
//
//   - records every write, truncation, sync and change of a name, and where a test took
//     note of something ([Disk.Mark]);
//   - gives from that record what a power cut could have left at any point ([Disk.Cuts]);
//   - fails any of these operations, once or from there on ([Disk.Fail]).
//
// Nothing is brought to the real disk: a sync is only recorded, so it costs nothing.
//
// What is not written through the engine (names, files of the program itself) is found by
// looking at the directory, and made durable by [Disk.Fsync].
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

// Disk is the files below a directory. Make one with [New].
type Disk struct {
	// Name is that of the engine's file system.
	Name string
	// Careless: the device does not promise what SQLite calls powersafe overwrite. It says
	// so, and a cut may spoil what stood in the same sector as an unsynced write.
	// https://sqlite.org/psow.html
	Careless bool
	// Boastful: as Careless, but the device promises it.
	Boastful bool

	vfs.VFSFilename // the operating system's
	root            string
	forgetful       bool

	mu     sync.Mutex
	nodes  []*node // the first is the root
	events []event
	faults faults
}

// New takes what is below root now for durable, and registers the file system under the
// name of the test.
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
	d.look()
	for _, e := range d.events {
		e.node.start(e)
	}
	d.events = nil
	return d
}

// Forgetful makes a disk below root that records nothing: only its syncs cost nothing.
func Forgetful(t testing.TB, root string) *Disk {
	d := &Disk{root: root, VFSFilename: vfs.Find("").(vfs.VFSFilename), forgetful: true}
	d.Name = strings.NewReplacer("/", "-", "#", "-").Replace(root) + "-forgetful"
	vfs.Register(d.Name, d)
	t.Cleanup(func() { vfs.Unregister(d.Name) })
	return d
}

// node is a file or a directory, whatever its names.
type node struct {
	held   *os.File // open, so that its number is not given to another
	info   os.FileInfo
	engine bool             // the engine writes to it
	seen   []byte           // its content, if the engine does not
	lost   bool             // a sync of it failed
	names  map[string]*node // in a directory: what stands there
	// As it was when the recording began.
	content []byte
	entries map[string]*node
}

// start takes an event for what was there from the beginning.
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
	opLose // a sync that failed: what it should have brought out may never be
	opName
	opMark
)

// event is one thing that happened to the disk.
type event struct {
	op    op
	node  *node
	off   int64 // of a write; the size of a truncation
	data  []byte
	name  string // in a directory; of a sync: the only one that it brings to the disk, unless it is empty
	child *node  // nil: the name was removed
	began int    // of a sync: the events before it
	mark  any
	at    time.Time
}

// add records an event; the caller holds the lock.
func (d *Disk) add(e event) {
	if d.forgetful {
		return
	}
	e.at = time.Now()
	d.events = append(d.events, e)
}

// Mark records that something was seen by now, an acknowledgement for instance.
func (d *Disk) Mark(mark any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	d.add(event{op: opMark, mark: mark})
}

// Fsync stands for (*os.File).Sync, of files and directories.
func (d *Disk) Fsync(f *os.File) error {
	if !d.forgetful {
		d.rewritten(f.Name())
	}
	if err := d.begin(Sync, f.Name()); err != nil {
		d.synced(f.Name(), d.now(), err)
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return d.synced(f.Name(), d.now(), nil)
}

// now gives how many events there were.
func (d *Disk) now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	return len(d.events)
}

// synced records the end of a sync of what was written before the event began.
func (d *Disk) synced(path string, began int, failed error) error {
	if d.forgetful {
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
		e.op, n.lost = opLose, true
		n.age()
	}
	d.add(e)
}

// longAgo is the time of a file whose sync failed, to see whether it is written past the
// engine: a program may write it over itself.
var longAgo = time.Unix(1, 0)

func (n *node) age() {
	if n != nil && n.lost && n.names == nil {
		_ = os.Chtimes(n.held.Name(), longAgo, longAgo)
	}
}

// rewritten records the content of a file that was written past the engine since its sync
// failed.
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

// node gives what stands under the path, known from now on.
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

// look records what changed in the directories, and in files that the engine does not
// write. What goes away while it looks is seen the next time.
func (d *Disk) look() {
	if !d.forgetful {
		d.lookAt(d.nodes[0], d.root)
	}
}

func (d *Disk) lookAt(dir *node, path string) {
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
			continue // it is made anew by who opens the database first
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
			d.lookAt(n, filepath.Join(path, name))
		} else if !n.engine {
			d.reread(n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		delete(dir.names, name)
		d.add(event{op: opName, node: dir, name: name})
	}
}

// reread records the content of a file that is not written through the engine, if it
// changed.
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
