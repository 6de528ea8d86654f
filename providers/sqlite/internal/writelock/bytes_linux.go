package writelock

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	canLock  = true
	noFollow = syscall.O_NOFOLLOW
)

// lockBytes locks a range of bytes for this open file, which is not the same as for this
// process: fcntl(2), open file description locks.
func lockBytes(f *os.File, start, count int64, m lockMode) error {
	command := unix.F_OFD_SETLK
	if m == exclusiveWait {
		command = unix.F_OFD_SETLKW
	}
	kind := int16(unix.F_WRLCK)
	if m == shared {
		kind = unix.F_RDLCK
	}
	for {
		lock := unix.Flock_t{Type: kind, Start: start, Len: count}
		if err := unix.FcntlFlock(f.Fd(), command, &lock); err != unix.EINTR {
			return err
		}
	}
}

func unlockBytes(f *os.File, start, count int64) {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Start: start, Len: count}
	_ = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
}

// lockedByOthers reports whether somebody else holds the byte; true where that cannot be known.
func lockedByOthers(f *os.File, start int64) bool {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: 1}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock)
	return err != nil || lock.Type != unix.F_UNLCK
}

// isLocked reports whether err says that somebody else has the lock.
func isLocked(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) }
