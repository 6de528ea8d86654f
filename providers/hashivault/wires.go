package hashivault

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
)

// maxWired is how many bytes of a body go over a wire, which is not read from while it is written to: the system takes
// that much without anybody waiting for the node. Nodes answer before they have read what is too large for them.
const maxWired = 16 << 10

// wires are the connections to one node.
type wires struct {
	address  string // host and port
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	security *tls.Config // nil: no TLS

	mu      sync.Mutex
	resting []*wire // the last one rested least
	timer   *time.Timer
}

// newWires gives those to a node, by the settings of a transport; nil where net/http's carry all.
func newWires(node *url.URL, t *http.Transport) *wires {
	if !wired || strings.ContainsFunc(node.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return nil // how such a name is asked for, and stands in certificates, is known to net/http
	}
	n := &wires{address: hostPort(node), dial: t.DialContext}
	if node.Scheme == "https" {
		n.security = t.TLSClientConfig.Clone()
		if n.security.ServerName == "" {
			n.security.ServerName = node.Hostname()
		}
	}
	return n
}

// exchange sends a request and gives its answer, with the body. Where a wire that rested fails, as the node may
// have closed it meanwhile, the request is sent again over a new one, unless it is to be sent once. sent tells whether the node may have seen it.
func (n *wires) exchange(r *http.Request, once bool) (response *http.Response, body []byte, sent bool, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, nil, false, err
	}
	if w := n.take(); w != nil {
		response, body, err = n.over(w, r)
		if err == nil || once || r.Context().Err() != nil {
			return response, body, true, err
		}
	}
	w, err := n.open(r.Context())
	if err != nil {
		return nil, nil, false, err
	}
	response, body, err = n.over(w, r)
	return response, body, true, err
}

func (n *wires) open(ctx context.Context) (*wire, error) {
	plain, err := n.dial(ctx, "tcp", n.address)
	if err != nil {
		return nil, err
	}
	return newWire(ctx, plain, n.security)
}

// over sends a request over a wire, which is put back or closed.
func (n *wires) over(w *wire, r *http.Request) (*http.Response, []byte, error) {
	response, body, again, err := w.exchange(r)
	if again {
		n.put(w)
	} else {
		_ = w.plain.Close()
	}
	if ended := r.Context().Err(); err != nil && ended != nil {
		err = ended // and not that the connection was closed, which is how it ended
	}
	return response, body, err
}

// take gives a wire that rested and can be used; nil where there is none.
func (n *wires) take() *wire {
	for {
		w := n.pop()
		if w == nil || w.quiet() {
			return w
		}
	}
}

func (n *wires) pop() *wire {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.resting) - 1
	if last < 0 {
		return nil
	}
	w := n.resting[last]
	n.resting[last], n.resting = nil, n.resting[:last]
	return w
}

// put lets a wire rest.
func (n *wires) put(w *wire) {
	w.rested = time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.resting) >= idleConnections {
		_ = w.plain.Close()
		return
	}
	n.resting = append(n.resting, w)
	if n.timer == nil {
		n.timer = time.AfterFunc(idleTime, n.tidy)
	}
}

// tidy closes what has rested too long, so that nothing stays open that nobody uses.
func (n *wires) tidy() {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := 0
	for old < len(n.resting) && time.Since(n.resting[old].rested) >= idleTime {
		_ = n.resting[old].plain.Close()
		old++
	}
	n.resting = append(n.resting[:0:0], n.resting[old:]...)
	n.timer = nil
	if len(n.resting) > 0 {
		n.timer = time.AfterFunc(idleTime-time.Since(n.resting[0].rested), n.tidy)
	}
}

// close closes what rests.
func (n *wires) close() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	for _, w := range n.resting {
		_ = w.plain.Close()
	}
	n.resting = nil
}
