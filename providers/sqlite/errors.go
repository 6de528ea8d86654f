package sqlite

import (
	"fmt"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Reasons not to open a directory. If Open returns one of them, or [myvault.ErrWrongKey], it has
// written nothing.
var (
	// ErrForeign means that a file is not of this store, or not a regular file, or has a second
	// hard link. A symbolic link may lead to the directory, but not to a file in it.
	ErrForeign = fault.ErrForeign
	// ErrNewer means that a newer version of this package wrote the file.
	ErrNewer = fault.ErrNewer
	// ErrExposed means that a user other than root and the process's own can change the
	// directory, a file in it, a directory above it or a symbolic link on the way. A process
	// that runs as root gets it too. Unix only.
	ErrExposed = fault.ErrExposed
	// ErrMissing means that a file is missing although files that are created after it exist.
	// Put the file back, or use an empty directory.
	ErrMissing = fault.ErrMissing
	// ErrNetworkFS means that the directory is on a network file system, where changes would
	// not be durable. Only Linux detects it. A FUSE file system counts as a network one
	// unless it is known to be local.
	ErrNetworkFS = fault.ErrNetworkFS
)

// BadEntry is the error for a trail entry that does not authenticate. Its fields Chain, Seq and
// Reason name the entry. It wraps [myvault.ErrTampered].
type BadEntry = fault.BadEntry

// notOpened adds to err what could not be opened, and where.
func notOpened(what, dir string, err error) error {
	if dir == "" {
		return fmt.Errorf("open %s: %w", what, err)
	}
	return fmt.Errorf("open %s in %s: %w", what, dir, err)
}
