package serve

import (
	"net"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/network"
)

const (
	grace      = 500 * time.Millisecond // for a stranger to send a request, and for a request to go on
	pause      = 2 * time.Millisecond   // between two attempts to find room
	ownerShare = 4                      // an owner with more than this part of the connections has no grace

	plainReads  = 1 // of a stranger that sends a whole request at once
	secureReads = 8 // the same over TLS: each message of the handshake is a read
)

// pool bounds how many connections are open, and with them the memory that clients take
// which only connect, send slowly or wait. A connection beyond the limit replaces another:
// see evict.
type pool struct {
	limit int
	grace time.Duration // for a stranger to send a request
	began time.Time

	mu     sync.Mutex
	open   map[*connection]struct{}
	owners map[ownerKey]*owner
}

// owner is a client whose connections are counted together.
type owner struct {
	key  ownerKey
	open int
}

// ownerKey names the network of a stranger, or a service.
type ownerKey struct{ network, service string }

// listener is a listener whose connections are in a pool.
type listener struct {
	net.Listener
	pool  *pool
	round func() uint64 // of the client authorities
	reads int32         // that a whole request takes
}

// Accept waits for the next connection that there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: conn, pool: l.pool, round: l.round()}
		c.reads.Store(l.reads)
		c.status.Store(int64(newStatus(silent, l.pool.now())))
		if l.pool.admit(c) {
			return c, nil
		}
		_ = conn.Close() // all others are at work
	}
}

// admit adds c, and closes the connection that it replaces. If many connections come at
// once, it waits: the server has to read from those it has first.
func (p *pool) admit(c *connection) bool {
	for {
		victim, admitted, retry := p.tryAdd(c)
		if victim != nil {
			_ = victim.Conn.Close() // its request, if there is one, ends with an error
		}
		if !retry {
			return admitted
		}
		time.Sleep(pause)
	}
}

func (p *pool) tryAdd(c *connection) (victim *connection, admitted, retry bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= p.limit {
		if victim, retry = p.evict(); victim == nil {
			return nil, false, retry
		}
		p.drop(victim)
	}
	p.open[c] = struct{}{}
	p.assign(c, ownerKey{network: networkOf(c.RemoteAddr())})
	return victim, true, false
}

// remove takes out c, once.
func (p *pool) remove(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(c)
}

// pass counts c for another owner, unless it is closed.
func (p *pool) pass(c *connection, to ownerKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.owner != nil {
		p.release(c)
		p.assign(c, to)
	}
}

func (p *pool) drop(c *connection) {
	if c.owner != nil {
		delete(p.open, c)
		p.release(c)
	}
}

func (p *pool) assign(c *connection, key ownerKey) {
	if p.owners[key] == nil {
		p.owners[key] = &owner{key: key}
	}
	c.owner = p.owners[key]
	c.owner.open++
}

func (p *pool) release(c *connection) {
	if c.owner.open--; c.owner.open == 0 {
		delete(p.owners, c.owner.key)
	}
	c.owner = nil
}

// now returns the time since the pool was made.
func (p *pool) now() time.Duration { return time.Since(p.began) }

// networkOf returns the network of a connection's other end, "" if it has none.
func networkOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return network.Of(tcp.AddrPort().Addr())
	}
	return ""
}
