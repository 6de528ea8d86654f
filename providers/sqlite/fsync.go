package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// fsync brings an open file or directory to the disk; nil is (*os.File).Sync. All that this
// package syncs by itself, beside the engine, goes through it. A test puts its own in its
// place, to see what a power cut would leave.
type fsync func(*os.File) error

// open brings to the disk what was written to f.
func (s fsync) open(f *os.File) error {
	if s == nil {
		return f.Sync()
	}
	return s(f)
}

// dir makes the names in a directory durable.
func (s fsync) dir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(ignoreUnsupported(s.open(d)), d.Close())
}

// file brings a file and its name to the disk. A write-ahead log that is not there was
// brought into its database.
func (s fsync) file(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := errors.Join(s.open(f), f.Close()); err != nil {
		return err
	}
	return s.dir(filepath.Dir(path))
}

// ignoreUnsupported forgives systems that cannot sync a directory.
func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
