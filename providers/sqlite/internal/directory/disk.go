package directory

import (
	"errors"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Disk is what this package asks of files by itself, beside the engine. The zero disk is the
// operating system's. A test puts its own in its place, to see what a power cut would leave and
// what a failure does.
type Disk struct {
	Fsync func(*os.File) error // nil: (*os.File).Sync
	// Fails gives the error of an operation that is to fail, and how many bytes of a write are
	// done before. Nil: none is to fail. The operations are those of [os] in lower case: open, read,
	// write, and name for what makes or changes a name.
	Fails func(operation, path string, size int) (done int, err error)
}

// Sync brings to the disk what was written to f, an open file or directory.
func (d Disk) Sync(f *os.File) error {
	if d.Fsync == nil {
		return f.Sync()
	}
	return d.Fsync(f)
}

// SyncDir makes the names in a directory durable.
func (d Disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(ignoreUnsupported(d.Sync(f)), f.Close())
}

// SyncFile brings a file and its name to the disk. A write-ahead log that is not there was
// brought into its database.
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

// ignoreUnsupported forgives systems that cannot sync a directory.
func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// injected gives the error of an operation that is to fail.
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

// Create makes a file, for its owner alone, where there is none.
func (d Disk) Create(path string) (*os.File, error) {
	if err := d.injected("open", path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// CreateTemp is [os.CreateTemp]. Until claimed is closed, no sweep removes the file.
func (d Disk) CreateTemp(dir, pattern string) (f *os.File, claimed io.Closer, err error) {
	if err := d.injected("open", filepath.Join(dir, pattern)); err != nil {
		return nil, nil, err
	}
	claimed, err = claimNew(func() (path string, err error) {
		if f, err = os.CreateTemp(dir, pattern); err != nil {
			return "", err
		}
		return f.Name(), nil
	}, func() { _ = f.Close() })
	return f, claimed, err
}

// MkdirTemp is [os.MkdirTemp]. Until claimed is closed, no sweep removes the directory.
func (d Disk) MkdirTemp(dir, pattern string) (path string, claimed io.Closer, err error) {
	if err := d.injected("name", filepath.Join(dir, pattern)); err != nil {
		return "", nil, err
	}
	claimed, err = claimNew(func() (string, error) {
		path, err = os.MkdirTemp(dir, pattern)
		return path, err
	}, func() {})
	return path, claimed, err
}

// claimNew makes something and claims it. It starts again if a sweep was faster, which takes
// an unclaimed file for one left behind.
func claimNew(create func() (path string, err error), forget func()) (io.Closer, error) {
	for {
		path, err := create()
		if err != nil {
			return nil, err
		}
		claimed, err := Claim(path)
		if err == nil {
			return claimed, nil
		}
		forget()
		if !fault.NotExist(err) && !errors.Is(err, errClaimed) {
			return nil, errors.Join(err, os.Remove(path))
		}
	}
}

// Link is [os.Link], which replaces nothing.
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

// Wrap gives a file whose reads and writes may fail.
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
