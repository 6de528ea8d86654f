// Package directory creates, checks, publishes and removes the files and directories of a store.
// It knows modes, owners, links, file systems, temporary names and fsync. It opens no database
// and does not know the contents of a file.
package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// NetworkDetector returns the name of the file system of a directory if it is a network file
// system, and "" otherwise.
type NetworkDetector func(dir string) (network string, err error)

// System is the operating system as the store uses it. Tests replace its fields.
type System struct {
	Network NetworkDetector
	Disk    Disk
}

// WithDefaults returns s with networkOf if Network is nil.
func (s System) WithDefaults() System {
	if s.Network == nil {
		s.Network = networkOf
	}
	return s
}

// Locate returns the absolute path of a directory. If it is on a network file system, it returns
// ErrNetworkFS.
func (s System) Locate(dir string) (absolute string, err error) {
	if dir == "" {
		return "", fmt.Errorf("%w: the directory is empty", myvault.ErrInvalid)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	parent, err := nearestExisting(dir)
	if err != nil {
		return "", err
	}
	network, err := s.WithDefaults().Network(parent)
	if err == nil && network != "" {
		err = fmt.Errorf("%w (%s); keep the store on a local disk", fault.ErrNetworkFS, network)
	}
	return dir, err
}

// Mkdir creates the directory and its parents, with mode 0700, and syncs their names to disk.
func (s System) Mkdir(dir string) error {
	parent, err := nearestExisting(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// A new name is on disk once the directory that contains it is synced.
	for created := dir; created != parent; created = filepath.Dir(created) {
		if err := s.Disk.SyncDir(filepath.Dir(created)); err != nil {
			return err
		}
	}
	return nil
}

// Prepare creates the directory if it is missing, and returns its absolute path. If the directory
// is on a network file system or another user can change it, it returns ErrNetworkFS or
// ErrExposed.
func Prepare(dir string, sys System) (string, error) {
	dir, err := sys.Locate(dir)
	if err != nil {
		return "", err
	}
	if err := WrapExposed(trusted.Path(dir)); err != nil {
		return "", err
	}
	if err := sys.Mkdir(dir); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%w: the path of the store is not a directory", myvault.ErrInvalid)
	}
	return dir, WrapExposed(trusted.File(dir, info))
}

// WrapExposed adds ErrExposed to an error about a path that other users can change.
func WrapExposed(err error) error {
	if errors.Is(err, trusted.ErrUntrusted) {
		return fmt.Errorf("%w: %w", fault.ErrExposed, err)
	}
	return err
}

// nearestExisting returns dir, or its nearest parent that exists.
func nearestExisting(dir string) (string, error) {
	for {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if !fault.NotExist(err) || parent == dir {
			return dir, err
		}
		dir = parent
	}
}

// TemporaryPrefix begins the names of files and directories that are being written. They get
// their final name once they are complete.
const TemporaryPrefix = ".making-"

// LockSuffix is the suffix of the lock file of a database, which package writelock uses.
const LockSuffix = "-lock"

// DatabaseSuffixes are the suffixes of the files of a database: the file itself, its write-ahead
// log and its shared memory.
var DatabaseSuffixes = []string{"", "-wal", "-shm"}

// CheckFiles checks the files of a database that exist. If another user can write one, it returns
// ErrExposed. If one is a symbolic link, whose target would be written to, or has a second hard
// link, it returns ErrForeign.
func CheckFiles(path string) error {
	for _, suffix := range append(slices.Clone(DatabaseSuffixes), LockSuffix) {
		info, err := os.Lstat(path + suffix)
		if fault.NotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return NotRegular(info)
		}
		if err := WrapExposed(trusted.File(path+suffix, info)); err != nil {
			return err
		}
		if err := CheckHardLinks(path+suffix, info); err != nil {
			return err
		}
	}
	return nil
}

// NotRegular returns ErrForeign for a symbolic link, a directory or another irregular file.
func NotRegular(info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w: %s is a symbolic link; replace it with the file, or link the whole directory",
			fault.ErrForeign, info.Name())
	}
	return fmt.Errorf("%w: %s is not a regular file", fault.ErrForeign, info.Name())
}

// RestrictSharedMemory sets the mode of the shared memory of a database to 0600. SQLite creates
// it with a mode that depends on the umask. The other files get their mode when they are created.
func RestrictSharedMemory(path string) error {
	err := os.Chmod(path+"-shm", 0o600)
	if fault.NotExist(err) {
		return nil
	}
	return err
}

// StaleAfter is the age at which a temporary file that cannot be locked counts as a leftover.
const StaleAfter = time.Minute

// IsTemporary reports whether name begins with TemporaryPrefix.
func IsTemporary(name string) bool { return strings.HasPrefix(name, TemporaryPrefix) }

// TempNames returns a function that reports whether a name is prefix and a number, as
// [os.CreateTemp] creates them. Other names may begin with the same prefix, so the prefix alone
// does not suffice.
func TempNames(prefix string) func(name string) bool {
	return func(name string) bool {
		number, found := strings.CutPrefix(name, prefix)
		return found && number != "" && strings.Trim(number, "0123456789") == ""
	}
}

// TouchEvery sets the modification time of a temporary directory at intervals, until stop is
// called. So it does not look like a leftover while a large file in it is written.
func TouchEvery(dir string, interval time.Duration) (stop func()) {
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-time.After(interval):
				_ = os.Chtimes(dir, time.Time{}, time.Now()) // a failure does not harm what is written
			case <-stopping:
				return
			}
		}
	}()
	return func() { close(stopping); <-stopped }
}

// Sweep removes leftovers: files and directories whose name matches, and whose writer was stopped
// before it finished.
func Sweep(dir string, matches func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !matches(entry.Name()) {
			continue
		}
		if err := removeLeftover(filepath.Join(dir, entry.Name())); err != nil && !fault.NotExist(err) {
			return err
		}
	}
	return nil
}

// removeLeftover removes a temporary file or directory, unless the process that writes it still
// runs and has locked it. Files of other packages, whose names are TemporaryPrefix and a number,
// are not locked. These, and all files on a system without locks, are removed after StaleAfter.
func removeLeftover(path string) error {
	info, err := os.Lstat(path)
	if err != nil || trusted.File(path, info) != nil { // of another user, in a shared directory
		return err
	}
	if !canLockTemp || TempNames(TemporaryPrefix)(filepath.Base(path)) {
		if time.Since(info.ModTime()) <= StaleAfter {
			return nil
		}
		return os.RemoveAll(path)
	}
	// The files that SQLite creates beside a database are leftovers if the database is.
	database := path
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		database = strings.TrimSuffix(database, suffix)
	}
	lock, err := lockTemp(database)
	switch {
	case errors.Is(err, errTempLocked):
		return nil
	case fault.NotExist(err): // the database itself was removed
		return os.RemoveAll(path)
	case err != nil:
		return err
	}
	return errors.Join(os.RemoveAll(path), lock.Close())
}
