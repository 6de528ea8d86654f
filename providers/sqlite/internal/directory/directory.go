// Package directory makes, checks and names files and directories of a store.
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

// NetworkDetector gives the name of the file system of a directory if it is a network one.
type NetworkDetector func(dir string) (network string, err error)

// System is what is asked of the operating system; tests answer in its place.
type System struct {
	Network NetworkDetector
	Disk    Disk
}

// WithDefaults asks the operating system what no test answers.
func (s System) WithDefaults() System {
	if s.Network == nil {
		s.Network = NetworkOf
	}
	return s
}

// Locate gives the absolute path of a directory, and refuses one on a network.
func (s System) Locate(dir string) (absolute string, err error) {
	if dir == "" {
		return "", fmt.Errorf("%w: no directory is given", myvault.ErrInvalid)
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

// Mkdir makes the directory where it is missing, for its owner alone.
func (s System) Mkdir(dir string) error {
	parent, err := nearestExisting(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The name of a directory that was made is on disk once the one above it is synced.
	for made := dir; made != parent; made = filepath.Dir(made) {
		if err := s.Disk.SyncDir(filepath.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// Prepare makes the directory where it is missing, for its owner alone, and refuses one
// where the store would not be safe. It gives the absolute path.
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
		return "", fmt.Errorf("%w: the place of the store is no directory", myvault.ErrInvalid)
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

// nearestExisting gives the directory or the nearest one above it that is there.
func nearestExisting(dir string) (string, error) {
	for {
		_, err := os.Stat(dir)
		above := filepath.Dir(dir)
		if !fault.NotExist(err) || above == dir {
			return dir, err
		}
		dir = above
	}
}

// TemporaryPrefix begins the names of files that are being made. They are published whole.
const TemporaryPrefix = ".making-"

// LockSuffix is that of the file by which processes write in turn, beside a database.
const LockSuffix = "-lock"

// Companions are what the engine keeps beside a database file.
var Companions = []string{"", "-wal", "-shm"}

// CheckModes refuses a file that others than the user of the process can write. A symbolic link is
// refused too, because its target would be written to. A file with a second hard link is refused.
func CheckModes(path string) error {
	for _, suffix := range append(slices.Clone(Companions), LockSuffix) {
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
		if err := CheckLinks(path+suffix, info); err != nil {
			return err
		}
	}
	return nil
}

// NotRegular gives ErrForeign for what is a link, a directory or the like.
func NotRegular(info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w: %s is a symbolic link; put the file itself there, or a link in place of the whole directory",
			fault.ErrForeign, info.Name())
	}
	return fmt.Errorf("%w: %s is no regular file", fault.ErrForeign, info.Name())
}

// RestrictIndex takes from others what the umask gave them of the shared memory; the mode of
// the other files is set when they are made.
func RestrictIndex(path string) error {
	err := os.Chmod(path+"-shm", 0o600)
	if fault.NotExist(err) {
		return nil
	}
	return err
}

// StaleAfter is the age from which an unfinished file counts as left behind, on systems without a
// lock for it.
const StaleAfter = time.Minute

// IsTemporary reports whether something is being made under a name.
func IsTemporary(name string) bool { return strings.HasPrefix(name, TemporaryPrefix) }

// Numbered gives whether a name is the prefix and a number, as [os.CreateTemp] makes them: that
// of another file or directory may begin with the same prefix.
func Numbered(prefix string) func(name string) bool {
	return func(name string) bool {
		number, found := strings.CutPrefix(name, prefix)
		return found && number != "" && strings.Trim(number, "0123456789") == ""
	}
}

// Touch has a directory that is being made look so, however long one file in it takes,
// until stop.
func Touch(dir string, every time.Duration) (stop func()) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(every):
				_ = os.Chtimes(dir, time.Time{}, time.Now()) // it only keeps others away
			case <-ending:
				return
			}
		}
	}()
	return func() { close(ending); <-ended }
}

// Sweep removes what a process left that was stopped while it made a file, or a directory,
// under such a name.
func Sweep(dir string, left func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !left(entry.Name()) {
			continue
		}
		if err := removeStale(filepath.Join(dir, entry.Name())); err != nil && !fault.NotExist(err) {
			return err
		}
	}
	return nil
}

// removeStale removes an unfinished file or directory, unless the process that makes it still runs
// and so has claimed it. Files of other packages, whose names are a number alone, and files that
// cannot be claimed are removed once they are old.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil || trusted.File(path, info) != nil { // another user's, in a directory for all
		return err
	}
	if !canClaim || Numbered(TemporaryPrefix)(filepath.Base(path)) {
		if time.Since(info.ModTime()) <= StaleAfter {
			return nil
		}
		return os.RemoveAll(path)
	}
	// The engine's files beside a database go with it.
	made := path
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		made = strings.TrimSuffix(made, suffix)
	}
	claimed, err := Claim(made)
	switch {
	case errors.Is(err, errClaimed):
		return nil
	case fault.NotExist(err): // the rest of one that is gone
		return os.RemoveAll(path)
	case err != nil:
		return err
	}
	return errors.Join(os.RemoveAll(path), claimed.Close())
}
