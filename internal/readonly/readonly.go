// Package readonly is a SQLite VFS that changes nothing: not the database, its write-ahead log or
// its shared memory. It takes no locks, so a concurrent writer can cause inconsistent reads.
package readonly

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

const name = "myvault-readonly"

// register registers the VFS with SQLite, once for the process.
var register = sync.OnceFunc(func() { vfs.Register(name, fileSystem{}) })

// VFS returns the name of the VFS.
func VFS() string {
	register()
	return name
}

// fileSystem implements [vfs.VFS] without writing, locks or shared memory.
type fileSystem struct{}

func (fileSystem) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && flags&vfs.OPEN_WAL != 0 {
		f, err = nil, nil // an empty log; SQLite would create the file
	}
	if err != nil {
		return nil, flags, err
	}
	flags &^= vfs.OPEN_READWRITE | vfs.OPEN_CREATE
	return file{f}, flags | vfs.OPEN_READONLY, nil
}

func (fileSystem) Delete(string, bool) error { return sqlite3.IOERR_DELETE }

func (fileSystem) Access(name string, _ vfs.AccessFlag) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (fileSystem) FullPathname(name string) (string, error) { return name, nil }

// file is a file opened for reading, or an empty one if f is nil.
type file struct{ f *os.File }

func (r file) Close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

func (r file) ReadAt(p []byte, off int64) (int, error) {
	if r.f == nil {
		return 0, io.EOF
	}
	return r.f.ReadAt(p, off)
}

func (r file) Size() (int64, error) {
	if r.f == nil {
		return 0, nil
	}
	info, err := r.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (file) WriteAt([]byte, int64) (int, error)              { return 0, sqlite3.READONLY }
func (file) Truncate(int64) error                            { return sqlite3.READONLY }
func (file) Sync(vfs.SyncFlag) error                         { return nil }
func (file) Lock(vfs.LockLevel) error                        { return nil }
func (file) Unlock(vfs.LockLevel) error                      { return nil }
func (file) CheckReservedLock() (bool, error)                { return false, nil }
func (file) SectorSize() int                                 { return 0 }
func (file) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }
