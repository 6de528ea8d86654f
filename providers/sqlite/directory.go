package sqlite

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

// filesystem gives the name of the file system of a directory if it is a network one.
type filesystem func(dir string) (network string, err error)

// system is what is asked of the operating system; tests answer in its place.
type system struct {
	network filesystem
	disk    disk
}

// orReal asks the operating system what no test answers.
func (s system) orReal() system {
	if s.network == nil {
		s.network = networkOf
	}
	return s
}

// locate gives the absolute path of a directory, and refuses one on a network.
func (s system) locate(dir string) (absolute string, err error) {
	if dir == "" {
		return "", fmt.Errorf("%w: no directory is given", myvault.ErrInvalid)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	parent, err := existing(dir)
	if err != nil {
		return "", err
	}
	network, err := s.orReal().network(parent)
	if err == nil && network != "" {
		err = fmt.Errorf("%w (%s); keep the store on a local disk", fault.ErrNetworkFS, network)
	}
	return dir, err
}

// mkdir makes the directory where it is missing, for its owner alone.
func (s system) mkdir(dir string) error {
	parent, err := existing(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The name of a directory that was made is on disk once the one above it is synced.
	for made := dir; made != parent; made = filepath.Dir(made) {
		if err := s.disk.syncDir(filepath.Dir(made)); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the directory where it is missing, for its owner alone, and refuses one
// where the store would not be safe. It gives the absolute path.
func prepare(dir string, sys system) (string, error) {
	dir, err := sys.locate(dir)
	if err != nil {
		return "", err
	}
	if err := exposed(trusted.Path(dir)); err != nil {
		return "", err
	}
	if err := sys.mkdir(dir); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%w: the place of the store is no directory", myvault.ErrInvalid)
	}
	return dir, exposed(trusted.File(dir, info))
}

// exposed adds ErrExposed to an error about a path that other users can change.
func exposed(err error) error {
	if errors.Is(err, trusted.ErrUntrusted) {
		return fmt.Errorf("%w: %w", fault.ErrExposed, err)
	}
	return err
}

// existing gives the directory or the nearest one above it that is there.
func existing(dir string) (string, error) {
	for {
		_, err := os.Stat(dir)
		above := filepath.Dir(dir)
		if !fault.NotExist(err) || above == dir {
			return dir, err
		}
		dir = above
	}
}

// temporaryPrefix begins the names of files that are being made. They are published whole.
const temporaryPrefix = ".making-"

// lockSuffix is that of the file by which processes write in turn, beside a database.
const lockSuffix = "-lock"

// companions are what the engine keeps beside a database file.
var companions = []string{"", "-wal", "-shm"}

// checkModes refuses a file that others than the user of the process can write. A symbolic link is
// refused too, because its target would be written to. A file with a second hard link is refused.
func checkModes(path string) error {
	for _, suffix := range append(slices.Clone(companions), lockSuffix) {
		info, err := os.Lstat(path + suffix)
		if fault.NotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return notRegular(info)
		}
		if err := exposed(trusted.File(path+suffix, info)); err != nil {
			return err
		}
		if err := checkLinks(path+suffix, info); err != nil {
			return err
		}
	}
	return nil
}

// notRegular gives ErrForeign for what is a link, a directory or the like.
func notRegular(info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w: %s is a symbolic link; put the file itself there, or a link in place of the whole directory",
			fault.ErrForeign, info.Name())
	}
	return fmt.Errorf("%w: %s is no regular file", fault.ErrForeign, info.Name())
}

// restrict takes from others what the umask gave them of the shared memory; the mode of
// the other files is set when they are made.
func restrict(path string) error {
	err := os.Chmod(path+"-shm", 0o600)
	if fault.NotExist(err) {
		return nil
	}
	return err
}

// staleAfter is the age from which an unfinished file counts as left behind, on systems without a
// lock for it.
const staleAfter = time.Minute

// anyTemporary reports whether something is being made under a name.
func anyTemporary(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }

// numbered gives whether a name is the prefix and a number, as [os.CreateTemp] makes them: that
// of another file or directory may begin with the same prefix.
func numbered(prefix string) func(name string) bool {
	return func(name string) bool {
		number, found := strings.CutPrefix(name, prefix)
		return found && number != "" && strings.Trim(number, "0123456789") == ""
	}
}

// keepYoung has a directory that is being made look so, however long one file in it takes,
// until stop.
func keepYoung(dir string, every time.Duration) (stop func()) {
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

// sweep removes what a process left that was stopped while it made a file, or a directory,
// under such a name.
func sweep(dir string, left func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !left(entry.Name()) {
			continue
		}
		if err := removeLeft(filepath.Join(dir, entry.Name())); err != nil && !fault.NotExist(err) {
			return err
		}
	}
	return nil
}

// removeLeft removes an unfinished file or directory, unless the process that makes it still runs
// and so has claimed it. Files of other packages, whose names are a number alone, and files that
// cannot be claimed are removed once they are old.
func removeLeft(path string) error {
	info, err := os.Lstat(path)
	if err != nil || trusted.File(path, info) != nil { // another user's, in a directory for all
		return err
	}
	if !canClaim || numbered(temporaryPrefix)(filepath.Base(path)) {
		if time.Since(info.ModTime()) <= staleAfter {
			return nil
		}
		return os.RemoveAll(path)
	}
	// The engine's files beside a database go with it.
	made := path
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		made = strings.TrimSuffix(made, suffix)
	}
	claimed, err := claimFile(made)
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
