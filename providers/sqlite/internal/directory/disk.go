package directory

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Disk has the operations on files that the store does itself, without SQLite. The zero Disk uses
// the operating system. Tests set its fields to simulate a power cut or to inject errors.
type Disk struct {
	// Fsync replaces (*os.File).Sync unless it is nil.
	Fsync func(*os.File) error
	// Fails returns the error to inject into an operation, or nil, and how many bytes of a
	// failing write are written. The operations are "open", "read", "write", and "name" if a name
	// is created or changed. If Fails is nil, no error is injected.
	Fails func(operation, path string, size int) (done int, err error)
}

// Sync calls fsync for an open file or directory. FsyncFailed reports true for its error.
func (d Disk) Sync(f *os.File) error {
	fsync := d.Fsync
	if fsync == nil {
		fsync = (*os.File).Sync
	}
	if err := fsync(f); err != nil {
		return fsyncError{err}
	}
	return nil
}

// fsyncError is an error of fsync. Its text is that of the cause.
type fsyncError struct{ error }

func (e fsyncError) Unwrap() error { return e.error }

// FsyncFailed reports whether err is an error of fsync, and not one of opening the file.
func FsyncFailed(err error) bool {
	_, ok := errors.AsType[fsyncError](err)
	return ok
}

// SyncDir calls fsync for a directory, so that the names in it are durable. If the system cannot
// sync directories, it returns nil.
func (d Disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(ignoreUnsupported(d.Sync(f)), f.Close())
}

// SyncFile calls fsync for a file and for the directory with its name. It ignores a missing file:
// a write-ahead log is removed once it is in its database.
func (d Disk) SyncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if fault.NotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(f), f.Close()); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// ignoreUnsupported returns nil for the errors of systems that cannot sync a directory.
func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// injected returns the error to inject into an operation, or nil.
func (d Disk) injected(operation, path string) error {
	if d.Fails == nil {
		return nil
	}
	_, err := d.Fails(operation, path, 0)
	return err
}

// Open opens a file for reading.
func (d Disk) Open(path string) (*os.File, error) {
	if err := d.injected("open", path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Create creates a file with mode 0600. If the file exists, it returns fs.ErrExist.
func (d Disk) Create(path string) (*os.File, error) {
	if err := d.injected("open", path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// CreateTemp is [os.CreateTemp]. Until lock is closed, Sweep does not remove the file.
func (d Disk) CreateTemp(dir, pattern string) (f *os.File, lock io.Closer, err error) {
	if err := d.injected("open", filepath.Join(dir, pattern)); err != nil {
		return nil, nil, err
	}
	lock, err = createLocked(func() (path string, err error) {
		if f, err = os.CreateTemp(dir, pattern); err != nil {
			return "", err
		}
		return f.Name(), nil
	}, func() { _ = f.Close() })
	return f, lock, err
}

// MkdirTemp is [os.MkdirTemp]. Until lock is closed, Sweep does not remove the directory.
func (d Disk) MkdirTemp(dir, pattern string) (path string, lock io.Closer, err error) {
	if err := d.injected("name", filepath.Join(dir, pattern)); err != nil {
		return "", nil, err
	}
	lock, err = createLocked(func() (string, error) {
		path, err = os.MkdirTemp(dir, pattern)
		return path, err
	}, func() {})
	return path, lock, err
}

// createLocked creates a file or directory and locks it. Another process may remove it before it
// is locked, because it looks like a leftover. Then createLocked calls discard and tries again.
func createLocked(create func() (path string, err error), discard func()) (io.Closer, error) {
	for {
		path, err := create()
		if err != nil {
			return nil, err
		}
		lock, err := lockTemp(path)
		if err == nil {
			return lock, nil
		}
		discard()
		if !fault.NotExist(err) && !errors.Is(err, errTempLocked) {
			return nil, errors.Join(err, os.Remove(path))
		}
	}
}

// Link is [os.Link]. It never replaces a file.
func (d Disk) Link(from, to string) error {
	if err := d.injected("name", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// Rename is [os.Rename].
func (d Disk) Rename(from, to string) error {
	if err := d.injected("name", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Wrap returns f with errors injected into its reads and writes.
func (d Disk) Wrap(f *os.File) io.ReadWriter {
	if d.Fails == nil {
		return f
	}
	return failingFile{d, f}
}

type failingFile struct {
	disk Disk
	file *os.File
}

func (f failingFile) Read(p []byte) (int, error) {
	if err := f.disk.injected("read", f.file.Name()); err != nil {
		return 0, err
	}
	return f.file.Read(p)
}

func (f failingFile) Write(p []byte) (int, error) {
	done, failed := f.disk.Fails("write", f.file.Name(), len(p))
	if failed != nil {
		p = p[:done]
	}
	n, err := f.file.Write(p)
	return n, errors.Join(failed, err)
}
