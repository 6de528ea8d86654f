package sqlite

import (
	"fmt"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Why a directory or a file in it is refused. Nothing was written when one of them, or
// [myvault.ErrWrongKey], is returned.
var (
	// ErrForeign: the file is not a store of this kind, or no regular file: a symbolic link
	// is refused unless it leads to the whole directory. A file with a second hard link is
	// refused too.
	ErrForeign = fault.ErrForeign
	// ErrNewer: the file was written by a newer version of this package.
	ErrNewer = fault.ErrNewer
	// ErrExposed: another user than root and that of the process can change the directory, a file
	// in it, a directory above it or a symbolic link on the way. Being root is no exception. On
	// Unix only.
	ErrExposed = fault.ErrExposed
	// ErrMissing: a file is not there, but others are that are made after it. Nothing is
	// made in its place: put it back, or use an empty directory.
	ErrMissing = fault.ErrMissing
	// ErrNetworkFS: the directory is on a network file system, where the store cannot keep
	// its promises. It is detected on Linux only; there, a file system in user space
	// counts as one unless it is known to be local.
	ErrNetworkFS = fault.ErrNetworkFS
)

// BadEntry is the error that names an entry of a trail which does not authenticate, by its Chain and
// Seq, with a Reason. It wraps [myvault.ErrTampered].
type BadEntry = fault.BadEntry

// notOpened tells what was to be opened, and where: the engine's errors do not.
func notOpened(what, dir string, err error) error {
	if dir == "" {
		return fmt.Errorf("open %s: %w", what, err)
	}
	return fmt.Errorf("open %s in %s: %w", what, dir, err)
}
