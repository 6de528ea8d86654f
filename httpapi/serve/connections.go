package serve

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	grace = 500 * time.Millisecond // that a stranger has to say something, and a request to go on
	pause = 2 * time.Millisecond   // until the next look at who said something

	plainReads  = 1 // of who sends a whole request at once
	secureReads = 8 // of who agrees on TLS before: each message of the handshake is read by itself
)

// connections bounds how many connections are open, and so the memory that callers take who
// only connect, trickle or wait. When one more comes than there may be, it gets the place of another: see victim.
type connections struct {
	limit int
	grace time.Duration // that a stranger has to say something
	began time.Time

	mu        sync.Mutex
	open      int
	trickling list.List // of *Conn: strangers of whom more must come; oldest first
	strangers list.List // of *Conn: strangers of whom nothing was read yet, or all; oldest first
	proven    list.List // of *Conn: of callers who proved who they are
	holders   map[holderKey]*holder
}

// turn is what a proven connection does, and since when it waits, or waited before it idled. Its requests change
// it without a lock. Both are one number, so that who looked at it sees that it is another turn now.
type turn int64

// activity is the part of a turn that tells what the connection does.
const activity turn = 3

const (
	working turn = iota // on a request
	waiting             // for the body of a request, for others, or until its answer is read
	idle                // without a request
	gone                // it gave its place to another one
)

// Conn is an open connection.
type Conn struct {
	net.Conn
	all     *connections
	network string       // where it came from, "" where that is no network
	round   uint64       // of the client authorities when it came
	proven  atomic.Bool  // a caller proved who it is
	spare   atomic.Int32 // how often more it may be read from before its caller is taken for one who trickles
	turn    atomic.Int64 // a turn

	// By all.mu:
	place  *list.Element // in within; nil: a closed one
	within *list.List
	since  time.Time // it is there
	holder *holder
	closed bool
}

// connectionKey is where a request's context holds its connection.
type connectionKey struct{}

// ConnOf returns the connection of a request that came through [Serve], else nil. The methods of a
// nil Conn do nothing.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connectionKey{}).(*Conn)
	return c
}

// bounded is a listener whose connections are bounded.
type bounded struct {
	net.Listener
	all   *connections
	round func() uint64 // of the client authorities
	reads int32         // that a request takes
}

// Accept waits for the next connection that there is a place for.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &Conn{Conn: conn, all: l.all, network: networkOf(conn.RemoteAddr()), round: l.round()}
		c.spare.Store(l.reads)
		if l.all.admit(c) {
			return c, nil
		}
		_ = conn.Close() // everybody is at work; there is nobody to tell
	}
}

// admit gives c a place. It closes another one's connection where that is needed. When many come at
// once, it waits: the server has to read from those that it has first.
func (a *connections) admit(c *Conn) bool {
	for {
		victim, admitted, soon := a.room(c)
		if victim != nil {
			_ = victim.Conn.Close() // its request, if there is one, ends with an error
		}
		if !soon {
			return admitted
		}
		time.Sleep(pause)
	}
}

// room gives c a place if there is one.
func (a *connections) room(c *Conn) (victim *Conn, admitted, soon bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open >= a.limit {
		if victim, soon = a.victim(); victim == nil {
			return nil, false, soon
		}
		victim.leave()
	}
	a.open++
	c.hold(holderKey{"address", c.network})
	c.move(&a.strangers)
	return victim, true, false
}

// now gives the time as a number that is cheap to have, since the first one of all.
func (a *connections) now() int64 { return int64(time.Since(a.began)) }

// move puts c at the end of a list, or of none. all.mu is held.
func (c *Conn) move(to *list.List) {
	if c.place != nil {
		c.within.Remove(c.place)
		c.place, c.within = nil, nil
	}
	if to != nil {
		c.place, c.within, c.since = to.PushBack(c), to, time.Now()
	}
}

// leave gives the place of c back, once. all.mu is held.
func (c *Conn) leave() {
	if !c.closed {
		c.closed = true
		c.all.open--
		c.move(nil)
		c.hold(holderKey{})
	}
}

// Read reads. A stranger that is read from once more than it takes did not send all at once.
func (c *Conn) Read(p []byte) (int, error) {
	if !c.proven.Load() && c.spare.Add(-1) < 0 {
		c.all.mu.Lock()
		if c.within == &c.all.strangers && !c.closed {
			c.move(&c.all.trickling)
		}
		c.all.mu.Unlock()
	}
	return c.Conn.Read(p)
}

// Close closes the connection and gives its place back.
func (c *Conn) Close() error {
	c.all.mu.Lock()
	c.leave()
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends the direction to the client, so that an answer arrives before the end.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Authenticated records that the caller of a request on c is service. The handler calls it while it
// answers the request. The connection is then evicted only if no stranger's can be.
func (c *Conn) Authenticated(service string) {
	if c == nil || c.proven.Swap(true) {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.closed {
		c.move(&c.all.proven)
		c.hold(holderKey{"service", service})
	}
}

// Wait records that the request on c waits: for its client, or for other requests. Until Resume the
// connection may be evicted.
func (c *Conn) Wait() {
	if c == nil || turn(c.turn.Load())&activity == waiting { // else it has waited since
		return
	}
	c.turn.Store(int64(turn(c.all.now())&^activity | waiting))
}

// becomes changes what it does, and not since when it waits.
func (c *Conn) becomes(does turn) { c.turn.Store(int64(turn(c.turn.Load())&^activity | does)) }

// Resume records that the request on c waits no longer.
func (c *Conn) Resume() {
	if c != nil {
		c.becomes(working)
	}
}

// follow is the server's ConnState: it tells proven connections that wait from those at work.
func follow(conn net.Conn, state http.ConnState) {
	c := unwrap(conn)
	switch {
	case c == nil:
	case state == http.StateActive:
		c.becomes(working)
	case state == http.StateIdle:
		c.becomes(idle)
	}
}

// known is the server's ConnContext.
func known(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, unwrap(conn))
}

// unwrap finds ours below TLS; nil for one of another listener.
func unwrap(conn net.Conn) *Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*Conn)
	return c
}
