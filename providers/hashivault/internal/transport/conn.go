package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// conn is a network connection, below TLS, that carries one request at a time.
type conn struct {
	net.Conn
	raw syscall.RawConn // nil if the socket cannot be examined

	mu        sync.Mutex
	wrote     *atomic.Bool // of the current exchange: some of its request was written
	starting  bool         // the next write is the first of a request
	reused    bool         // the request is not the first one
	broken    bool         // closed by the server, or out of step
	requests  int          // written
	responses int          // read
}

func newConn(c net.Conn) *conn {
	wrapped := &conn{Conn: c}
	if socket, ok := c.(syscall.Conn); ok && examinable {
		wrapped.raw, _ = socket.SyscallConn()
	}
	return wrapped
}

// connOf returns the conn that net/http uses, with TLS or without.
func connOf(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*conn)
}

// begin is called before a request is written. The first write sets wrote, which belongs to the
// exchange: net/http can hand the connection to the next one before this one has returned.
func (c *conn) begin(reused bool, wrote *atomic.Bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting, c.reused, c.wrote = true, reused, wrote
}

// end is called once a response has been read. The next request may have begun already.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.responses++
}

var (
	errStale       = errors.New("the server has closed the connection")
	errUnsolicited = errors.New("the server has sent data that was not asked for")
)

// Write fails without writing if the server has closed the connection, or has sent something that
// would be taken for the response to the request.
func (c *conn) Write(b []byte) (int, error) {
	if !c.usable() {
		return 0, errStale
	}
	return c.Conn.Write(b)
}

// usable examines the socket before the first write of a request, and marks the request as
// written if it reports true. A new connection is not examined: a server may send TLS session
// tickets before the first request.
func (c *conn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting {
		c.starting = false
		c.requests++
		c.broken = c.broken || c.reused && c.readable()
	}
	if !c.broken && c.wrote != nil {
		c.wrote.Store(true)
	}
	return !c.broken
}

// Read fails if data arrives between requests. That data stays in the socket until it is known
// whether a request has been written, so that usable sees it too.
func (c *conn) Read(b []byte) (int, error) {
	if c.raw == nil || !c.idle() {
		return c.Conn.Read(b)
	}
	c.awaitData()
	unsolicited := c.closeIdle()
	n, err := c.Conn.Read(b)
	if unsolicited && n > 0 {
		clear(b[:n])
		return 0, errUnsolicited
	}
	return n, err
}

// idle reports whether no response is expected. During the TLS handshake it reports false.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests > 0 && c.requests == c.responses
}

// closeIdle reports whether no response is expected, and prevents further requests then.
func (c *conn) closeIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := c.requests == c.responses
	c.broken = c.broken || idle
	return idle
}
