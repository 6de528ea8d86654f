package sqlite

import (
	"errors"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what this package asks of files by itself, beside the engine. The zero disk is the
// operating system's. A test puts its own in its place, to see what a power cut would leave and
// what a failure does.
type disk struct {
	fsync func(*os.File) error // nil: (*os.File).Sync
	// fails gives the error of an operation that is to fail, and how many bytes of a write are
	// done before. Nil: none is to fail. The operations are those of [os] in lower case: open, read,
	// write, and name for what makes or changes a name.
	fails func(operation, path string, size int) (done int, err error)
}

// sync brings to the disk what was written to f, an open file or directory.
func (d disk) sync(f *os.File) error {
	if d.fsync == nil {
		return f.Sync()
	}
	return d.fsync(f)
}

// syncDir makes the names in a directory durable.
func (d disk) syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(ignoreUnsupported(d.sync(f)), f.Close())
}

// syncFile brings a file and its name to the disk. A write-ahead log that is not there was
// brought into its database.
func (d disk) syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if fault.NotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(d.sync(f), f.Close()); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// ignoreUnsupported forgives systems that cannot sync a directory.
func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// begin gives the error of an operation that is to fail.
func (d disk) begin(operation, path string) error {
	if d.fails == nil {
		return nil
	}
	_, err := d.fails(operation, path, 0)
	return err
}

// open opens a file for reading.
func (d disk) open(path string) (*os.File, error) {
	if err := d.begin("open", path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// create makes a file, for its owner alone, where there is none.
func (d disk) create(path string) (*os.File, error) {
	if err := d.begin("open", path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// createTemp is [os.CreateTemp]. Until claimed is closed, no sweep removes the file.
func (d disk) createTemp(dir, pattern string) (f *os.File, claimed io.Closer, err error) {
	if err := d.begin("open", filepath.Join(dir, pattern)); err != nil {
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

// mkdirTemp is [os.MkdirTemp]. Until claimed is closed, no sweep removes the directory.
func (d disk) mkdirTemp(dir, pattern string) (path string, claimed io.Closer, err error) {
	if err := d.begin("name", filepath.Join(dir, pattern)); err != nil {
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
		claimed, err := claimFile(path)
		if err == nil {
			return claimed, nil
		}
		forget()
		if !fault.NotExist(err) && !errors.Is(err, errClaimed) {
			return nil, errors.Join(err, os.Remove(path))
		}
	}
}

// link is [os.Link], which replaces nothing.
func (d disk) link(from, to string) error {
	if err := d.begin("name", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// rename is [os.Rename].
func (d disk) rename(from, to string) error {
	if err := d.begin("name", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// of gives a file whose reads and writes may fail.
func (d disk) of(f *os.File) io.ReadWriter {
	if d.fails == nil {
		return f
	}
	return failingFile{d, f}
}

type failingFile struct {
	disk disk
	file *os.File
}

func (f failingFile) Read(p []byte) (int, error) {
	if err := f.disk.begin("read", f.file.Name()); err != nil {
		return 0, err
	}
	return f.file.Read(p)
}

func (f failingFile) Write(p []byte) (int, error) {
	done, failed := f.disk.fails("write", f.file.Name(), len(p))
	if failed != nil {
		p = p[:done]
	}
	n, err := f.file.Write(p)
	return n, errors.Join(failed, err)
}
