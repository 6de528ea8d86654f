package storetest

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Disk is the file system of the operating system with faults that a test injects.
type Disk struct {
	vfs.VFSFilename
	fault atomic.Pointer[Fault]
	lies  atomic.Bool
	// Opened is the number of connections to vault.db that were opened.
	Opened atomic.Int64
}

// Fault returns the error of an operation, "write" or "sync", on the file of that name. If it is
// nil, the operation is executed.
type Fault func(operation, name string) error

// FaultyDisk registers a file system for one test.
func FaultyDisk(t testing.TB) (*Disk, Options) {
	t.Helper()
	d := &Disk{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	d.Heal()
	name := strings.NewReplacer("/", "-", "#", "-").Replace(t.Name())
	vfs.Register(name, d)
	t.Cleanup(func() { vfs.Unregister(name) })
	return d, OptionsOf(sqlite.Config{}).WithVFS(name)
}

// Fail injects a fault in place of the one before.
func (d *Disk) Fail(f Fault) { d.fault.Store(&f) }

// Heal ends the fault.
func (d *Disk) Heal() { d.Fail(func(string, string) error { return nil }) }

// Lie has PRAGMA synchronous answer NORMAL.
func (d *Disk) Lie(on bool) { d.lies.Store(on) }

// OpenFilename opens a file that has the faults.
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return file, flags, err
	}
	if filepath.Base(name.String()) == "vault.db" {
		d.Opened.Add(1)
	}
	return &diskFile{file, d, filepath.Base(name.String())}, flags, nil
}

type diskFile struct {
	vfs.File
	disk *Disk
	name string
}

func (f *diskFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := (*f.disk.fault.Load())("write", f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	if err := (*f.disk.fault.Load())("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

// Pragma answers a pragma in place of SQLite.
func (f *diskFile) Pragma(name, value string) (string, error) {
	if name == "synchronous" && value == "" && f.disk.lies.Load() {
		return "1", nil
	}
	return "", sqlite3.NOTFOUND
}

// Full returns a fault that fails writes to files with this suffix like a full disk.
func Full(suffix string) Fault {
	return func(operation, name string) error {
		if operation == "write" && strings.HasSuffix(name, suffix) {
			return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}
}

// ErrDisk is the error of a disk whose fsync fails.
var ErrDisk = &fs.PathError{Op: "sync", Path: "access.db-wal", Err: syscall.EIO}

// FailingSync returns a fault that fails each fsync of the file with this name.
func FailingSync(name string) Fault {
	return func(operation, file string) error {
		if operation == "sync" && file == name {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	}
}

// CountSyncs returns a fault that counts each fsync of the file with this name.
func CountSyncs(name string) (Fault, *atomic.Int64) {
	var n atomic.Int64
	return func(operation, file string) error {
		if operation == "sync" && file == name {
			n.Add(1)
		}
		return nil
	}, &n
}
