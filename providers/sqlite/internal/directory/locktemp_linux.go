package directory

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// canLockTemp is true if temporary files and directories are locked while they are written. The
// system frees the lock when the process exits, even if it is killed.
const canLockTemp = true

// errTempLocked is returned if another process is writing or removing the file or directory.
var errTempLocked = errors.New("locked by another process")

// lockTemp locks a temporary file or directory until the result is closed, by flock(2). If
// another process took it for a leftover and removed it since it was created, lockTemp returns
// errTempLocked or fs.ErrNotExist.
func lockTemp(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		err = errTempLocked
	}
	if err == nil {
		var opened, now os.FileInfo
		if opened, err = f.Stat(); err == nil {
			now, err = os.Lstat(path)
		}
		if err == nil && !os.SameFile(opened, now) {
			err = errTempLocked
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
