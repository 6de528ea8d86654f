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

// The operations. Map maps the shared memory of a connection; Name creates or changes a name.
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

// Fault describes which operations fail, and how.
type Fault struct {
	// At is the first operation that fails, counted from 1. 0: none.
	At int
	// Lasting: later operations fail too, until [Disk.Mend].
	Lasting bool
	// Full: there is no space, so only operations that create or extend files fail. Otherwise
	// operations fail with an I/O error.
	Full bool
	// Short: half of a write is done before it fails.
	Short bool
	// Reads are counted and fail as well. A full disk does not fail them.
	Reads bool
}

// String describes the fault in one line.
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

// Fail sets the fault and resets the count of operations.
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

// Operations returns the number of operations since [Disk.Fail], and the first that failed.
func (d *Disk) Operations() (count int, hit string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.count, d.faults.hit
}

// begin counts an operation and returns its error if it must fail.
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

// error returns the error that the file system of the operating system would return.
func (f *faults) error(o Operation) error {
	if f.Full && (o == Write || o == Truncate) {
		return sqlite3.FULL
	}
	if f.Full {
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// Fails counts an operation that the program makes without SQLite. If it must fail, Fails returns
// its error and how many bytes of a write are still written.
func (d *Disk) Fails(operation, path string, size int) (done int, err error) {
	if err := d.begin(Operation(operation), path); err != nil {
		if err == error(sqlite3.FULL) {
			err = syscall.ENOSPC // the error of the operating system
		}
		return d.short(size), &os.PathError{Op: operation, Path: path, Err: err}
	}
	return size, nil
}

// short returns how many bytes of a failing write are still written.
func (d *Disk) short(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults.Short {
		return n / 2
	}
	return 0
}
