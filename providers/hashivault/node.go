package hashivault

import (
	"context"
	"crypto/tls"
	"net/url"
	"sync"
	"time"
)

const (
	restingWires = 256              // of a node, at most
	restTime     = 90 * time.Second // less than after which Vault closes a connection
)

// node is one server of the cluster, with the connections to it that rest.
type node struct {
	*url.URL
	settings *tls.Config

	mu      sync.Mutex
	resting []*wire // the last one rested least
	timer   *time.Timer
	closed  bool
}

// take gives a connection: one that rested, unless that was found closed, or a new one. A read
// that finds out too late is sent again; so sure of it only a change has to be.
func (n *node) take(ctx context.Context, limit time.Time, sure bool) (*wire, error) {
	for {
		w := n.pop()
		if w == nil {
			return dial(ctx, limit, n)
		}
		if time.Since(w.rested) < restTime && (!sure || w.open()) {
			return w, nil
		}
		_ = w.Close()
	}
}

func (n *node) pop() *wire {
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

// put lets a connection rest.
func (n *node) put(w *wire) {
	w.rested, w.used = time.Now(), true
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.resting) >= restingWires {
		_ = w.Close()
		return
	}
	n.resting = append(n.resting, w)
	if n.timer == nil {
		n.timer = time.AfterFunc(restTime, n.tidy)
	}
}

// tidy closes what has rested too long, so that nothing stays open that nobody uses.
func (n *node) tidy() {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := 0
	for old < len(n.resting) && time.Since(n.resting[old].rested) >= restTime {
		_ = n.resting[old].Close()
		old++
	}
	n.resting = append(n.resting[:0:0], n.resting[old:]...)
	n.timer = nil
	if len(n.resting) > 0 && !n.closed {
		n.timer = time.AfterFunc(restTime-time.Since(n.resting[0].rested), n.tidy)
	}
}

// close closes what rests, and what will come to rest.
func (n *node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
	for _, w := range n.resting {
		_ = w.Close()
	}
	n.resting = nil
}
