package directory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Publish writes a file under a temporary name, brings it to the disk, and then gives it its
// name, where there must be no file. What an earlier call left is removed. After an error there
// is no file of that name.
func Publish(path string, d Disk, write func(io.Writer) error) error {
	return d.WriteFile(path, write, d.PublishFile, func(_, to string) error { return os.Remove(to) })
}

// Replace is publish where a file of that name may be there, which is gone then.
func Replace(path string, d Disk, write func(io.Writer) error) error {
	return d.WriteFile(path, write, d.Rename, func(string, string) error { return nil })
}

// WriteFile does what publish says. back takes the name away that was given by name.
func (d Disk) WriteFile(path string, write func(io.Writer) error, name, back func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	if err := Sweep(dir, Numbered(TemporaryPrefix+"file-")); err != nil {
		return err
	}
	f, claimed, err := d.CreateTemp(dir, TemporaryPrefix+"file-*") // with mode 0600
	if err != nil {
		return err
	}
	defer claimed.Close()
	defer os.Remove(f.Name())
	err = write(d.Wrap(f))
	if err == nil {
		err = d.Sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.nameDurably(f.Name(), path, name, back)
}

// nameDurably gives a name and brings it to the disk. Where it does not come there, nothing stands
// under it that a power cut could take away again.
func (d Disk) nameDurably(from, to string, name, back func(from, to string) error) error {
	if err := name(from, to); err != nil {
		return err
	}
	err := d.SyncDir(filepath.Dir(to))
	if err == nil {
		return nil
	}
	if left := back(from, to); left != nil {
		return fmt.Errorf("%w: it stands under its name, but that may be gone after a power cut: %w", myvault.ErrUnknownOutcome, errors.Join(err, left))
	}
	return err
}

// PublishFile gives a file its name and replaces nothing.
func (d Disk) PublishFile(temporary, path string) error {
	err := d.Link(temporary, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems for exchange, on which backups may be kept, have no hard links. There
	// the name is taken first; a crash in between leaves an empty file, which is no backup.
	f, taken := d.Create(path)
	if taken != nil {
		return errors.Join(err, taken)
	}
	if err := errors.Join(f.Close(), d.Rename(temporary, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// PublishDir gives a directory its name, where there may be an empty one. After an error there is
// none, and the directory has its temporary name again.
func (d Disk) PublishDir(temporary, dir string) error {
	// Removing one that is not empty is an error, and nothing is lost then.
	if err := os.Remove(dir); err != nil && !fault.NotExist(err) {
		return err
	}
	return d.nameDurably(temporary, dir, d.Rename, func(from, to string) error { return os.Rename(to, from) })
}
