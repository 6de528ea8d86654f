package httpapi

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
	grace = 500 * time.Millisecond // that a stranger has to say something
	pause = 2 * time.Millisecond   // until the next look at who said something
)

// connections bounds how many connections are open, and so the memory that callers take who
// only connect, trickle or wait. When one more comes than there may be, it gets the place of another:
// of the oldest whose caller never proved who it is, else of the proven one that has waited longest
// for its next request. So strangers push out each other, and not those who have a token.
type connections struct {
	limit int

	mu        sync.Mutex
	open      int
	trickling list.List // of *connection: strangers of whom more must come; oldest first
	strangers list.List // of *connection: strangers of whom nothing was read yet, or all; oldest first
	idle      list.List // of *connection: proven, and without a request; longest waiting first
}

// connection is an open connection.
type connection struct {
	net.Conn
	all    *connections
	round  uint64 // of the client authorities when it came
	came   time.Time
	proven atomic.Bool // a caller proved who it is
	read   atomic.Bool // something was read

	// By all.mu:
	place  *list.Element // in within; nil: a proven one with a request, or a closed one
	within *list.List
	closed bool
}

// connectionKey is where a request's context holds its connection.
type connectionKey struct{}

// connectionOf gives the connection of a request that came to a server made by Serve, else nil.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// bounded is a listener whose connections are bounded.
type bounded struct {
	net.Listener
	all   *connections
	round func() uint64 // of the client authorities
}

// Accept waits for the next connection that there is a place for.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		for l.all.young() {
			time.Sleep(pause)
		}
		c := &connection{Conn: conn, all: l.all, round: l.round(), came: time.Now()}
		if l.all.admit(c) {
			return c, nil
		}
		_ = conn.Close() // everybody is at work; there is nobody to tell
	}
}

// young reports whether the place of a next connection would be that of a stranger who had no time
// yet to say anything: when many come at once, the server has to read from those that it has first.
func (a *connections) young() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest := a.strangers.Front()
	return a.open >= a.limit && a.trickling.Len() == 0 && oldest != nil && time.Since(oldest.Value.(*connection).came) < grace
}

// admit gives c a place. It closes another one's connection where that is needed.
func (a *connections) admit(c *connection) bool {
	victim, admitted := a.place(c)
	if victim != nil {
		_ = victim.Conn.Close() // its request, if there is one, ends with an error
	}
	return admitted
}

func (a *connections) place(c *connection) (victim *connection, admitted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open >= a.limit {
		for _, from := range []*list.List{&a.trickling, &a.strangers, &a.idle} {
			if longest := from.Front(); longest != nil {
				victim = longest.Value.(*connection)
				break
			}
		}
		if victim == nil {
			return nil, false
		}
		victim.leave()
	}
	a.open++
	c.move(&a.strangers)
	return victim, true
}

// move puts c at the end of a list, or of none. all.mu is held.
func (c *connection) move(to *list.List) {
	if c.place != nil {
		c.within.Remove(c.place)
		c.place, c.within = nil, nil
	}
	if to != nil {
		c.place, c.within = to.PushBack(c), to
	}
}

// leave gives the place of c back, once. all.mu is held.
func (c *connection) leave() {
	if !c.closed {
		c.closed = true
		c.all.open--
		c.move(nil)
	}
}

// Read reads. A stranger that is read from once more did not send all at once.
func (c *connection) Read(p []byte) (int, error) {
	if c.read.Swap(true) && !c.proven.Load() {
		c.all.mu.Lock()
		if c.within == &c.all.strangers && !c.closed {
			c.move(&c.all.trickling)
		}
		c.all.mu.Unlock()
	}
	return c.Conn.Read(p)
}

// Close closes the connection and gives its place back.
func (c *connection) Close() error {
	c.all.mu.Lock()
	c.leave()
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite ends the direction to the client, so that an answer arrives before the end.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// prove says that a caller proved who it is. It is called while a request is answered.
func (c *connection) prove() {
	if c.proven.Swap(true) {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.move(nil)
}

// follow is the server's ConnState: it tells proven connections that wait from those at work.
func follow(conn net.Conn, state http.ConnState) {
	c := unwrap(conn)
	if c == nil || !c.proven.Load() || state != http.StateIdle && state != http.StateActive {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if state == http.StateIdle && !c.closed {
		c.move(&c.all.idle)
	} else {
		c.move(nil)
	}
}

// known is the server's ConnContext.
func known(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, unwrap(conn))
}

// unwrap finds ours below TLS; nil for one of another listener.
func unwrap(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}
