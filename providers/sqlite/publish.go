package sqlite

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// publish writes a file under a temporary name, brings it to the disk, and then gives it its
// name, where there must be no file. What an earlier call left is removed.
func publish(path string, sync fsync, write func(io.Writer) error) error {
	return written(path, sync, write, giveName)
}

// replaceFile is publish where a file of that name may be there, which is gone then.
func replaceFile(path string, sync fsync, write func(io.Writer) error) error {
	return written(path, sync, write, os.Rename)
}

func written(path string, sync fsync, write func(io.Writer) error, name func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	if err := sweep(dir, numbered(temporaryPrefix+"file-")); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, temporaryPrefix+"file-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = write(f)
	if err == nil {
		err = sync.open(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := name(f.Name(), path); err != nil {
		return err
	}
	return sync.dir(dir)
}

// giveName gives a file its name and replaces nothing.
func giveName(temporary, path string) error {
	err := os.Link(temporary, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems for exchange, on which backups may be kept, have no hard links. There
	// the name is taken first; a crash in between leaves an empty file, which is no backup.
	f, taken := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if taken != nil {
		return errors.Join(err, taken)
	}
	return errors.Join(f.Close(), os.Rename(temporary, path))
}

// nameDir gives a directory its name, where there may be an empty one.
func nameDir(temporary, dir string, sync fsync) error {
	// Removing one that is not empty is an error, and nothing is lost then.
	if err := os.Remove(dir); err != nil && !missing(err) {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	return sync.dir(filepath.Dir(dir))
}
