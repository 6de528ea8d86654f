package directory

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// canClaim reports whether a lock shows that a file or directory is being made. The system frees
// the lock when the process ends, even if it is killed.
const canClaim = true

// errClaimed: another process is making the file, or removing it.
var errClaimed = errors.New("claimed")

// Claim locks a file or directory that is being made, until it is closed. It may have been
// taken for left behind since it was created: then errClaimed, or that it does not exist.
func Claim(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		err = errClaimed
	}
	if err == nil {
		var opened, now os.FileInfo
		if opened, err = f.Stat(); err == nil {
			now, err = os.Lstat(path)
		}
		if err == nil && !os.SameFile(opened, now) {
			err = errClaimed
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
