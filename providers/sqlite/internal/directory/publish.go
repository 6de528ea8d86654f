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

// Publish writes a file under a temporary name, syncs it, and then links it to path. If path
// exists, it returns fs.ErrExist. It first removes leftovers of earlier calls. After any other
// error but ErrUnknownOutcome there is no file at path.
func Publish(path string, d Disk, write func(io.Writer) error) error {
	return d.WriteFile(path, write, d.PublishFile, func(_, to string) error { return os.Remove(to) })
}

// Replace is Publish, but replaces a file at path.
func Replace(path string, d Disk, write func(io.Writer) error) error {
	return d.WriteFile(path, write, d.Rename, func(string, string) error { return nil })
}

// WriteFile writes a file as Publish does. It calls publish to give the file its final name, and
// undo if that name cannot be made durable.
func (d Disk) WriteFile(path string, write func(io.Writer) error, publish, undo func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	if err := Sweep(dir, TempNames(TemporaryPrefix+"file-")); err != nil {
		return err
	}
	f, lock, err := d.CreateTemp(dir, TemporaryPrefix+"file-*") // with mode 0600
	if err != nil {
		return err
	}
	defer lock.Close()
	defer os.Remove(f.Name())
	err = write(d.Wrap(f))
	if err == nil {
		err = d.Sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.publishDurably(f.Name(), path, publish, undo)
}

// publishDurably calls publish and syncs the directory. If the sync fails, it calls undo, so that
// no file is used that a power cut would remove. If undo fails too, it returns ErrUnknownOutcome.
func (d Disk) publishDurably(from, to string, publish, undo func(from, to string) error) error {
	if err := publish(from, to); err != nil {
		return err
	}
	err := d.SyncDir(filepath.Dir(to))
	if err == nil {
		return nil
	}
	if undone := undo(from, to); undone != nil {
		return fmt.Errorf("%w: published, but may be missing after a power cut: %w", myvault.ErrUnknownOutcome, errors.Join(err, undone))
	}
	return err
}

// PublishFile renames a file. If path exists, it returns fs.ErrExist.
func (d Disk) PublishFile(temporary, path string) error {
	err := d.Link(temporary, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems on which backups may be kept, such as FAT, have no hard links. Reserve
	// the name with an empty file. After a crash it may be left, and is not a valid backup.
	f, reserved := d.Create(path)
	if reserved != nil {
		return errors.Join(err, reserved)
	}
	if err := errors.Join(f.Close(), d.Rename(temporary, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// PublishDir renames a directory. An empty directory at dir is replaced. If the rename or the
// sync fails, there is nothing at dir, and the directory has its temporary name again.
func (d Disk) PublishDir(temporary, dir string) error {
	// os.Remove fails if the directory is not empty.
	if err := os.Remove(dir); err != nil && !fault.NotExist(err) {
		return err
	}
	return d.publishDurably(temporary, dir, d.Rename, func(from, to string) error { return os.Rename(to, from) })
}
