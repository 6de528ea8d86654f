package serve

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// connection is an open connection.
type connection struct {
	net.Conn
	pool   *pool
	round  uint64       // of the client authorities when it was accepted
	reads  atomic.Int32 // how many more reads a whole request may take
	status atomic.Int64 // a status

	// Of its request. Only the goroutine of the handler uses them.
	certificates *Certificates // nil: its certificate is never verified again
	verified     uint64        // the newest round by whose authorities it was verified

	owner *owner // by pool.mu; nil: closed
}

// state is what a connection does. A stranger is a client that has not authenticated.
type state int64

const (
	silent  state = iota // a stranger that has sent nothing, or a whole request at once
	slow                 // a stranger of which more reads than that were needed
	working              // on a request
	waiting              // for the body of a request, for other requests, or until the answer is read
	idle                 // between requests

	stateMask state = 7
)

// status is a state and the time when it began. It is one number, which requests change
// without a lock: a changed status shows that the connection has done something since.
type status int64

func newStatus(s state, began time.Duration) status {
	return status(began)&^status(stateMask) | status(s)
}

func (s status) state() state         { return state(s) & stateMask }
func (s status) began() time.Duration { return time.Duration(s &^ status(stateMask)) }

type connKey struct{} // of the context of a request

// Conn is the open connection of a request. It only records what its request does.
// The methods of the zero Conn do nothing.
type Conn struct{ c *connection }

// ConnOf returns the connection of a request that came through [Serve], else the zero Conn.
func ConnOf(ctx context.Context) Conn { return Conn{connectionOf(ctx)} }

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connKey{}).(*connection)
	return c
}

// Authenticated records that the caller of a request on c is service. The handler calls it
// while it answers the request. From then on c is evicted only if no stranger's connection
// can be.
func (c Conn) Authenticated(service string) { c.c.authenticate(service) }

// Wait records that the request on c waits: for its client, or for other requests. A
// connection that waits may be evicted.
func (c Conn) Wait() { c.c.become(waiting) }

// Resume records that the request on c no longer waits.
func (c Conn) Resume() { c.c.become(working) }

// Outdated reports whether the authorities have changed since r, a request on c, and no longer
// verify its client certificate. A handler of a long response calls it before each part of it.
func (c Conn) Outdated(r *http.Request) bool {
	return c.c != nil && c.c.certificates != nil && c.c.outdated(r)
}

// authenticate makes service the owner of c. On a nil connection it does nothing.
func (c *connection) authenticate(service string) {
	if c == nil || c.authenticated() {
		return
	}
	c.status.Store(int64(newStatus(working, c.pool.now())))
	c.pool.pass(c, ownerKey{service: service})
}

func (c *connection) authenticated() bool { return status(c.status.Load()).state() >= working }

// become changes the state of an authenticated connection.
func (c *connection) become(next state) {
	if c != nil && c.authenticated() && status(c.status.Load()).state() != next {
		c.status.Store(int64(newStatus(next, c.pool.now())))
	}
}

// Read reads. It finds out which strangers are slow.
func (c *connection) Read(p []byte) (int, error) {
	if old := c.status.Load(); status(old).state() == silent && c.reads.Add(-1) < 0 {
		c.status.CompareAndSwap(old, int64(newStatus(slow, c.pool.now())))
	}
	return c.Conn.Read(p)
}

// Close closes the connection.
func (c *connection) Close() error {
	c.pool.remove(c)
	return c.Conn.Close()
}

// CloseWrite ends the direction to the client, so that an answer arrives before the end.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// connState is [http.Server.ConnState].
func connState(conn net.Conn, s http.ConnState) {
	switch s {
	case http.StateActive:
		unwrap(conn).become(working)
	case http.StateIdle:
		unwrap(conn).become(idle)
	}
}

// connContext is [http.Server.ConnContext].
func connContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, unwrap(conn))
}

// unwrap returns the Conn below TLS.
func unwrap(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}
