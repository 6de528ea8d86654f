//go:build linux || darwin

package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/myswiftagent/myvault"
)

// Lock locks a directory, by flock(2), for a change of the master key. If another call has locked
// it, Lock returns ErrUnavailable.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: another change of the master key is in progress in %s; wait for it to finish", myvault.ErrUnavailable, dir)
		}
		return nil, &fs.PathError{Op: "lock", Path: dir, Err: err}
	}
	return func() { _ = f.Close() }, nil
}
