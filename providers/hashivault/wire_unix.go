//go:build unix

package hashivault

import (
	"errors"
	"syscall"
)

// wired: whether a connection is silent can be asked here.
const wired = true

// silent reports whether the system has nothing for the connection, not even its end. A byte that there is is lost.
func (w *wire) silent() bool {
	if w.raw == nil {
		return false
	}
	var found error
	err := w.raw.Read(func(fd uintptr) bool {
		_, found = syscall.Read(int(fd), make([]byte, 1)) // never waits: Go's sockets do not
		return true
	})
	return err == nil && (errors.Is(found, syscall.EAGAIN) || errors.Is(found, syscall.EWOULDBLOCK))
}
