//go:build unix && !aix

package transport

import (
	"errors"
	"syscall"
)

const examinable = true

// hasData reports whether a socket has something to read, be it the end of the stream.
func hasData(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EWOULDBLOCK)
}

// readable is hasData. It does not wait for net/http's reader, as RawConn.Read would.
func (c *conn) readable() (found bool) {
	if c.raw == nil {
		return false
	}
	err := c.raw.Control(func(fd uintptr) { found = hasData(fd) })
	return err != nil || found
}

// awaitData waits until hasData reports true. It ignores errors, because the next read returns
// them.
func (c *conn) awaitData() { _ = c.raw.Read(hasData) }
