package simdisk

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// Operation is a kind of operation that can fail.
type Operation string

// The operations. Map is that of the shared memory, for one connection; Name makes or changes a name.
const (
	Open     Operation = "open"
	Read     Operation = "read"
	Write    Operation = "write"
	Truncate Operation = "truncate"
	Sync     Operation = "sync"
	Delete   Operation = "delete"
	Name     Operation = "name"
	Map      Operation = "map"
)

// Fault says which operations fail, and how.
type Fault struct {
	// At is the first operation that fails; they are counted from 1. 0: none.
	At int
	// Lasting: all fails from there on that can, until [Disk.Mend].
	Lasting bool
	// Full: there is no space, so only writes and what makes files larger or new fails. Else
	// the device gives errors.
	Full bool
	// Short: half of a write is done before it fails.
	Short bool
	// Reads are counted and fail as well. A full disk does not fail them.
	Reads bool
}

// String gives one line.
func (f Fault) String() string {
	text := fmt.Sprintf("operation %d", f.At)
	for _, word := range []struct {
		is   bool
		text string
	}{{f.Lasting, "lasting"}, {f.Full, "full"}, {f.Short, "short"}, {f.Reads, "reads"}} {
		if word.is {
			text += " " + word.text
		}
	}
	return text
}

type faults struct {
	Fault
	count int
	hit   string
	last  Operation
}

// Fail sets what fails, and counts from nothing.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = faults{Fault: f}
}

// Mend ends the faults.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.At = 0
}

// Operations gives how many operations there were since [Disk.Fail], and the first that
// failed.
func (d *Disk) Operations() (count int, hit string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.count, d.faults.hit
}

// begin gives the error of an operation that is to fail.
func (d *Disk) begin(o Operation, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &d.faults
	if o == Read && !f.Reads || f.Full && (o == Read || o == Delete) {
		return nil
	}
	f.count++
	if f.At == 0 || f.count < f.At || f.count > f.At && !f.Lasting {
		return nil
	}
	if f.hit == "" {
		f.hit = fmt.Sprintf("%s of %s", o, filepath.Base(path))
	}
	f.last = o
	return f.error(o)
}

// error is what the operating system's file system would give.
func (f *faults) error(o Operation) error {
	if f.Full && (o == Write || o == Truncate) {
		return sqlite3.FULL
	}
	if f.Full {
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// Fails gives the error of an operation past the engine that is to fail, and how many bytes of a
// write are done before.
func (d *Disk) Fails(operation, path string, size int) (done int, err error) {
	if err := d.begin(Operation(operation), path); err != nil {
		if err == error(sqlite3.FULL) {
			err = syscall.ENOSPC // as the system says it
		}
		return d.short(size), &os.PathError{Op: operation, Path: path, Err: err}
	}
	return size, nil
}

// short gives how much of a write that fails is done.
func (d *Disk) short(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults.Short {
		return n / 2
	}
	return 0
}
