//go:build unix

package hashivault

import (
	"errors"
	"syscall"
)

// open reports whether a connection that rests is still open: there is nothing to be read from
// it, neither an end nor what nobody asked for. Such a look keeps a change from being sent to
// where nobody listens any more, whose outcome would then be unknown.
func (w *wire) open() bool {
	tcp, ok := w.tcp.(syscall.Conn)
	if !ok || w.answer.Buffered() > 0 {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	var found error
	err = raw.Read(func(fd uintptr) bool {
		_, found = syscall.Read(int(fd), make([]byte, 1)) // never waits: Go's sockets do not
		return true
	})
	return err == nil && (errors.Is(found, syscall.EAGAIN) || errors.Is(found, syscall.EWOULDBLOCK))
}
