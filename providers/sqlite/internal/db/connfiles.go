package db

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// connFiles is a VFS for one connection, on top of another VFS. It reports a full disk to SQLite
// as FULL, which the error of the system alone does not. It can also detach the files of an
// engine that has panicked: closing such a connection must release its locks but write nothing.
type connFiles struct {
	vfs.VFS
	name     string // under which the VFS is registered
	detached atomic.Bool
	open     []*connFile
}

// lastNumber numbers the connections of the process, for unique names.
var lastNumber atomic.Uint64

// newConnFiles registers a VFS for one connection on top of the VFS of that name.
func newConnFiles(vfsName string) (*connFiles, error) {
	base := vfs.Find(vfsName)
	if base == nil {
		return nil, fmt.Errorf("%w: no such VFS: %q", sqlite3.CANTOPEN, vfsName)
	}
	f := &connFiles{VFS: base, name: fmt.Sprintf("myvault-%d", lastNumber.Add(1))}
	vfs.Register(f.name, f)
	return f, nil
}

// detach makes every later operation fail, except closing files.
func (f *connFiles) detach() { f.detached.Store(true) }

// close closes the files that SQLite left open. The connection must not be used afterwards.
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
		return nil, flags, translateFull(err)
	}
	shared, ok := file.(vfs.FileSharedMemory)
	if !ok {
		return nil, flags, errors.Join(sqlite3.CANTOPEN, file.Close()) // no WAL mode without
	}
	opened := &connFile{FileSharedMemory: shared, owner: f}
	f.open = append(f.open, opened)
	return opened, flags, nil
}

// connFile is an open file of a connFiles.
type connFile struct {
	vfs.FileSharedMemory
	owner  *connFiles
	closed bool
}

// Close implements vfs.File. A second call does nothing.
func (f *connFile) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return f.FileSharedMemory.Close()
}

// ReadAt implements vfs.File.
func (f *connFile) ReadAt(p []byte, off int64) (int, error) {
	if f.owner.detached.Load() {
		return 0, sqlite3.IOERR_READ
	}
	return f.FileSharedMemory.ReadAt(p, off)
}

// WriteAt implements vfs.File.
func (f *connFile) WriteAt(p []byte, off int64) (int, error) {
	if f.owner.detached.Load() {
		return 0, sqlite3.IOERR_WRITE
	}
	n, err := f.FileSharedMemory.WriteAt(p, off)
	if err != nil {
		err = translateFull(err)
	}
	return n, err
}

// Truncate implements vfs.File.
func (f *connFile) Truncate(size int64) error {
	if f.owner.detached.Load() {
		return sqlite3.IOERR_TRUNCATE
	}
	return f.FileSharedMemory.Truncate(size)
}

// Sync implements vfs.File.
func (f *connFile) Sync(flags vfs.SyncFlag) error {
	if f.owner.detached.Load() {
		return sqlite3.IOERR_FSYNC
	}
	return f.FileSharedMemory.Sync(flags)
}

// translateFull returns FULL if err reports a full disk, else err.
func translateFull(err error) error {
	if err != nil && fault.NoSpace(err) {
		return sqlite3.FULL
	}
	return err
}

// The methods below are optional. Each returns the default if the file does not implement it.

// SizeHint implements vfs.FileSizeHint.
func (f *connFile) SizeHint(size int64) error {
	if f.owner.detached.Load() {
		return sqlite3.IOERR_WRITE
	}
	if file, ok := f.FileSharedMemory.(vfs.FileSizeHint); ok {
		return translateFull(file.SizeHint(size))
	}
	return sqlite3.NOTFOUND
}

// HasMoved implements vfs.FileHasMoved.
func (f *connFile) HasMoved() (bool, error) {
	if file, ok := f.FileSharedMemory.(vfs.FileHasMoved); ok && !f.owner.detached.Load() {
		return file.HasMoved()
	}
	return false, sqlite3.NOTFOUND
}

// Pragma implements vfs.FilePragma.
func (f *connFile) Pragma(name, value string) (string, error) {
	if file, ok := f.FileSharedMemory.(vfs.FilePragma); ok {
		return file.Pragma(name, value)
	}
	return "", sqlite3.NOTFOUND
}
