// Package cluster sends requests of Vault's HTTP API to the nodes of one HashiCorp Vault
// cluster. It finds a node that answers, follows redirects to the leader, and never sends a
// change twice.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault/providers/hashivault/internal/transport"
)

const (
	maxRedirects = 2
	noForwarding = "X-Vault-No-Request-Forwarding"
)

// Config describes a cluster.
type Config struct {
	Nodes     []*url.URL    // scheme and host of each, at least one
	Namespace string        // empty: none
	Timeout   time.Duration // of one request to one node
	Transport *transport.Transport
}

// Cluster sends requests to the nodes of one Vault. It is safe for concurrent use.
type Cluster struct {
	Config
	first     atomic.Int32 // the node that answered last
	forwarded atomic.Bool  // standbys forward changes, because the leader is not among the nodes
}

// New returns a Cluster.
func New(c Config) *Cluster { return &Cluster{Config: c} }

// CloseIdle closes the connections that no request is using.
func (c *Cluster) CloseIdle() { c.Transport.CloseIdle() }

// Call is one request.
type Call struct {
	Method string
	Path   string // below /v1/, not escaped
	Query  string
	Body   []byte
	Token  string // empty: none is sent
	direct bool   // a standby does nothing, and redirects to the leader
}

// changes reports whether sending it twice could differ from sending it once.
func (q Call) changes() bool { return q.Method != http.MethodGet }

// Send returns the answer of the first node that has one. Reads are tried on every node. A change
// goes to the next node only while it is certain that none has seen it; otherwise the error is
// [Uncertain]. Any other error is myvault.ErrUnavailable or the context's.
func (c *Cluster) Send(ctx context.Context, q Call) (Answer, error) {
	start := int(c.first.Load())
	var failed error
	for i := range c.Nodes {
		n := (start + i) % len(c.Nodes)
		a, sent, err := c.ask(ctx, n, q)
		switch {
		case err == nil && (a.Status < http.StatusInternalServerError || i == len(c.Nodes)-1):
			return a, nil
		case err == nil && q.changes() && !errors.As(a.Err(), new(Uncertain)):
			failed = Unavailable(fmt.Errorf("vault answers %d", a.Status)) // nothing was done there
		case err == nil && q.changes():
			return a, nil
		case err == nil:
			failed = a.Err()
		case q.changes() && sent:
			if ctx.Err() == nil {
				c.avoid(n) // another node can say what became of the change
			}
			return Answer{}, Uncertain{err}
		case errors.Is(err, ErrRedirect):
			return Answer{}, Unavailable(err)
		case ctx.Err() != nil:
			return Answer{}, ctx.Err()
		default:
			failed = Unavailable(err)
		}
		c.avoid(n)
	}
	return Answer{}, failed
}

// avoid makes later calls start with the node after n, unless they already start elsewhere.
func (c *Cluster) avoid(n int) {
	c.first.CompareAndSwap(int32(n), int32((n+1)%len(c.Nodes)))
}

// ask sends to node n, and follows redirects to other nodes. sent reports whether a node may have
// done what was asked.
//
// A standby forwards requests to the leader. If that fails, it redirects to the leader, or
// answers that there is none, even if the leader made the change before it died. So a change is
// sent with a header that forbids forwarding; a redirect then proves that nothing was done. If
// the leader is not among the nodes, as behind a load balancer, changes have to be forwarded,
// and a redirect proves nothing.
func (c *Cluster) ask(ctx context.Context, n int, q Call) (a Answer, sent bool, err error) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	asked := n
	for range maxRedirects + 1 {
		var next int
		q.direct = q.changes() && !c.forwarded.Load()
		a, next, sent, err = c.askOne(limited, n, q)
		if q.direct && errors.Is(err, ErrRedirect) {
			c.forwarded.Store(true)
			continue
		}
		if err != nil && limited.Err() != nil && ctx.Err() == nil {
			// The caller's own deadline has not passed, so the error must not match it.
			err = fmt.Errorf("no answer within %v", c.Timeout)
		}
		if err != nil {
			return a, sent, err
		}
		if next < 0 {
			if n != asked {
				// Only now: standbys go on naming a leader that is dead.
				c.first.Store(int32(n))
			}
			return a, sent, nil
		}
		n = next
	}
	return a, false, errors.New("vault's nodes redirect to each other")
}

// askOne sends to one node. next is the node that it redirects to, or -1. sent is as for ask.
func (c *Cluster) askOne(ctx context.Context, n int, q Call) (a Answer, next int, sent bool, err error) {
	r, err := c.request(ctx, c.Nodes[n], q)
	if err != nil {
		return Answer{}, -1, false, err
	}
	response, sent, err := c.Transport.Send(r)
	if err != nil {
		return Answer{}, -1, sent, err
	}
	if s := response.StatusCode; s < 300 || s >= 400 {
		return Answer{Status: s, Body: response.Content}, -1, sent, nil
	}
	next, err = c.leader(response.Response)
	forwarded := q.changes() && !q.direct
	if forwarded && err == nil {
		c.forwarded.Store(false) // the leader is among the nodes after all
		next, err = -1, errors.New("a standby redirects a change that it may have forwarded")
	}
	return Answer{}, next, forwarded, err
}

// request encodes a call.
func (c *Cluster) request(ctx context.Context, node *url.URL, q Call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, q.Method, "", bytes.NewReader(q.Body))
	if err != nil {
		return nil, errors.New("the request cannot be encoded")
	}
	// Not a text to be parsed: the path is used as it is.
	r.URL = &url.URL{Scheme: node.Scheme, Host: node.Host, Path: "/v1/" + q.Path, RawQuery: q.Query}
	r.Host = node.Host
	if !FitsHeader(q.Token) || !FitsHeader(c.Namespace) {
		return nil, errors.New("the token or the namespace has a character that is not allowed in a header")
	}
	r.Header.Set(api.RequestHeaderName, "true")
	if q.direct {
		r.Header.Set(noForwarding, "true")
	}
	if q.Token != "" {
		r.Header.Set(api.AuthHeaderName, q.Token)
	}
	if c.Namespace != "" {
		r.Header.Set(api.NamespaceHeaderName, c.Namespace)
	}
	if q.Method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	return r, nil
}

// FitsHeader reports whether s has no control characters.
func FitsHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// leader returns the node that a redirect names. Only the host of the location counts: path and
// body stay as they were.
func (c *Cluster) leader(response *http.Response) (int, error) {
	location, err := response.Location()
	if err != nil {
		return -1, ErrRedirect
	}
	for i, node := range c.Nodes {
		if location.Scheme == node.Scheme && hostPort(location) == hostPort(node) {
			return i, nil
		}
	}
	return -1, fmt.Errorf("%w: %.80q; add the api_addr of each node to the addresses", ErrRedirect, location.Host)
}

// hostPort returns host and port in one spelling.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
