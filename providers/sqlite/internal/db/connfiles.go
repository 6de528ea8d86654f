package db

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// connFiles are the files of one connection, over those of another file system. A full disk
// is told to the engine as such, which the system's error alone is not. And the files can
// be taken from a connection whose engine has stopped in the middle of something: what
// it would still write, as it is closed, must not reach the disk, and its locks must go.
type connFiles struct {
	vfs.VFS
	name     string // in the engine's register
	detached atomic.Bool
	open     []*connFile
}

// lastFiles numbers the connections of the process, for their names.
var lastFiles atomic.Uint64

// newConnFiles registers the files of a connection over the file system of that name.
func newConnFiles(over string) (*connFiles, error) {
	base := vfs.Find(over)
	if base == nil {
		return nil, fmt.Errorf("%w: there is no such file system", sqlite3.CANTOPEN)
	}
	f := &connFiles{VFS: base, name: fmt.Sprintf("myvault-%d", lastFiles.Add(1))}
	vfs.Register(f.name, f)
	return f, nil
}

// detach has everything fail from now on but the closing of files.
func (f *connFiles) detach() { f.detached.Store(true) }

// close closes what the engine has left open. The connection is not used again.
func (f *connFiles) close() error {
	vfs.Unregister(f.name)
	var errs error
	for _, file := range f.open {
		errs = errors.Join(errs, file.Close())
	}
	return errs
}

// Delete implements vfs.VFS.
func (f *connFiles) Delete(name string, syncDir bool) error {
	if f.detached.Load() {
		return sqlite3.IOERR_DELETE
	}
	return f.VFS.Delete(name, syncDir)
}

// OpenFilename implements vfs.VFSFilename.
func (f *connFiles) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if f.detached.Load() {
		return nil, flags, sqlite3.CANTOPEN
	}
	var file vfs.File
	var err error
	if base, ok := f.VFS.(vfs.VFSFilename); ok {
		file, flags, err = base.OpenFilename(name, flags)
	} else {
		file, flags, err = f.VFS.Open(name.String(), flags)
	}
	if err != nil {
		return nil, flags, asFull(err)
	}
	opened := &connFile{File: file, of: f}
	f.open = append(f.open, opened)
	return opened, flags, nil
}

// connFile is one of them.
type connFile struct {
	vfs.File
	of     *connFiles
	closed bool
}

func (f *connFile) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return f.File.Close()
}

func (f *connFile) ReadAt(p []byte, off int64) (int, error) {
	if f.of.detached.Load() {
		return 0, sqlite3.IOERR_READ
	}
	return f.File.ReadAt(p, off)
}

func (f *connFile) WriteAt(p []byte, off int64) (int, error) {
	if f.of.detached.Load() {
		return 0, sqlite3.IOERR_WRITE
	}
	n, err := f.File.WriteAt(p, off)
	return n, asFull(err)
}

func (f *connFile) Truncate(size int64) error {
	if f.of.detached.Load() {
		return sqlite3.IOERR_TRUNCATE
	}
	return f.File.Truncate(size)
}

func (f *connFile) Sync(flags vfs.SyncFlag) error {
	if f.of.detached.Load() {
		return sqlite3.IOERR_FSYNC
	}
	return f.File.Sync(flags)
}

// asFull gives the engine's FULL for a disk without space, else err.
func asFull(err error) error {
	if err != nil && fault.NoSpace(err) {
		return sqlite3.FULL
	}
	return err
}

// What some file systems can do besides; the others answer as if nobody had asked.

func (f *connFile) SharedMemory() vfs.SharedMemory {
	if file, ok := f.File.(vfs.FileSharedMemory); ok {
		return file.SharedMemory()
	}
	return nil
}

func (f *connFile) SizeHint(size int64) error {
	if f.of.detached.Load() {
		return sqlite3.IOERR_WRITE
	}
	if file, ok := f.File.(vfs.FileSizeHint); ok {
		return asFull(file.SizeHint(size))
	}
	return sqlite3.NOTFOUND
}

func (f *connFile) HasMoved() (bool, error) {
	if file, ok := f.File.(vfs.FileHasMoved); ok && !f.of.detached.Load() {
		return file.HasMoved()
	}
	return false, sqlite3.NOTFOUND
}

func (f *connFile) Pragma(name, value string) (string, error) {
	if file, ok := f.File.(vfs.FilePragma); ok {
		return file.Pragma(name, value)
	}
	return "", sqlite3.NOTFOUND
}
