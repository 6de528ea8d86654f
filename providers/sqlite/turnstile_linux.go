package sqlite

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
// process: fcntl(2), open file description locks. wait: until nobody else holds it.
func lockBytes(f *os.File, start, count int64, wait bool) error {
	command := unix.F_OFD_SETLK
	if wait {
		command = unix.F_OFD_SETLKW
	}
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: count}
		if err := unix.FcntlFlock(f.Fd(), command, &lock); err != unix.EINTR {
			return err
		}
	}
}

func unlockBytes(f *os.File, start, count int64) {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Start: start, Len: count}
	_ = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
}

// held reports whether err says that somebody else has the lock.
func held(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) }
