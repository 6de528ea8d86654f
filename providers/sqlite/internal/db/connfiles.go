package db

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// ConnFiles are the files of one connection, over those of another file system. A full disk
// is told to the engine as such, which the system's error alone is not. And the files can
// be taken from a connection whose engine has stopped in the middle of something: what
// it would still write, as it is closed, must not reach the disk, and its locks must go.
type ConnFiles struct {
	vfs.VFS
	name  string // in the engine's register
	taken atomic.Bool
	open  []*ConnFile
	Whole bool      // what a commit writes to the log may be gathered
	Log   *ConnFile // the write-ahead log, once it is open
}

// lastFiles numbers the connections of the process, for their names.
var lastFiles atomic.Uint64

// newConnFiles registers the files of a connection over the file system of that name.
func newConnFiles(over string) (*ConnFiles, error) {
	base := vfs.Find(over)
	if base == nil {
		return nil, fmt.Errorf("%w: there is no such file system", sqlite3.CANTOPEN)
	}
	f := &ConnFiles{VFS: base, name: fmt.Sprintf("myvault-%d", lastFiles.Add(1))}
	vfs.Register(f.name, f)
	return f, nil
}

// take has everything fail from now on but the closing of files.
func (f *ConnFiles) take() { f.taken.Store(true) }

// close closes what the engine has left open. The connection is not used again.
func (f *ConnFiles) close() error {
	vfs.Unregister(f.name)
	var errs error
	for _, file := range f.open {
		errs = errors.Join(errs, file.Close())
	}
	return errs
}

// Delete implements vfs.VFS.
func (f *ConnFiles) Delete(name string, syncDir bool) error {
	if f.taken.Load() {
		return sqlite3.IOERR_DELETE
	}
	return f.VFS.Delete(name, syncDir)
}

// OpenFilename implements vfs.VFSFilename.
func (f *ConnFiles) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if f.taken.Load() {
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
		return nil, flags, fullOr(err)
	}
	opened := &ConnFile{File: file, of: f}
	f.open = append(f.open, opened)
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		f.Whole = file.DeviceCharacteristics()&vfs.IOCAP_POWERSAFE_OVERWRITE != 0
	case flags&vfs.OPEN_WAL != 0:
		f.Log = opened
	}
	return opened, flags, nil
}

// ConnFile is one of them.
type ConnFile struct {
	vfs.File
	of     *ConnFiles
	closed bool

	gathering bool   // what is written is held back; see gather
	held      []byte // it belongs at the offset at
	at        int64
}

func (f *ConnFile) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return f.File.Close()
}

func (f *ConnFile) ReadAt(p []byte, off int64) (int, error) {
	if f.of.taken.Load() {
		return 0, sqlite3.IOERR_READ
	}
	if err := f.bringOut(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *ConnFile) WriteAt(p []byte, off int64) (int, error) {
	if f.of.taken.Load() {
		return 0, sqlite3.IOERR_WRITE
	}
	if f.gathering {
		return f.Hold(p, off)
	}
	n, err := f.File.WriteAt(p, off)
	return n, fullOr(err)
}

func (f *ConnFile) Truncate(size int64) error {
	if f.of.taken.Load() {
		return sqlite3.IOERR_TRUNCATE
	}
	if err := f.bringOut(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *ConnFile) Sync(flags vfs.SyncFlag) error {
	if f.of.taken.Load() {
		return sqlite3.IOERR_FSYNC
	}
	if err := f.bringOut(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

func (f *ConnFile) Size() (int64, error) {
	if err := f.bringOut(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

// fullOr gives the engine's FULL for a disk without space, else err.
func fullOr(err error) error {
	if err != nil && fault.NoSpace(err) {
		return sqlite3.FULL
	}
	return err
}

// What some file systems can do besides; the others answer as if nobody had asked.

func (f *ConnFile) SharedMemory() vfs.SharedMemory {
	if file, ok := f.File.(vfs.FileSharedMemory); ok {
		return file.SharedMemory()
	}
	return nil
}

func (f *ConnFile) SizeHint(size int64) error {
	if f.of.taken.Load() {
		return sqlite3.IOERR_WRITE
	}
	if file, ok := f.File.(vfs.FileSizeHint); ok {
		return fullOr(file.SizeHint(size))
	}
	return sqlite3.NOTFOUND
}

func (f *ConnFile) HasMoved() (bool, error) {
	if file, ok := f.File.(vfs.FileHasMoved); ok && !f.of.taken.Load() {
		return file.HasMoved()
	}
	return false, sqlite3.NOTFOUND
}

func (f *ConnFile) Pragma(name, value string) (string, error) {
	if file, ok := f.File.(vfs.FilePragma); ok {
		return file.Pragma(name, value)
	}
	return "", sqlite3.NOTFOUND
}
