package hashivault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/vault/api"
)

const (
	maxAnswer    = 64 << 20 // bytes; the listing of a folder of a million names
	maxRedirects = 2
)

// cluster sends requests to the nodes of one Vault.
type cluster struct {
	nodes     []*node
	first     atomic.Int32 // the node that answered last
	namespace string
	timeout   time.Duration
	buffers   buffers
}

func newCluster(urls []*url.URL, settings *tls.Config, config Config) *cluster {
	c := &cluster{namespace: config.Namespace, timeout: config.Timeout}
	for _, u := range urls {
		c.nodes = append(c.nodes, &node{URL: u, settings: settings})
	}
	return c
}

// call is one request of Vault's HTTP API.
type call struct {
	method string
	path   string // below /v1/, not escaped
	query  string
	body   []byte
	token  string // empty: none is sent
}

// changes reports whether sending it twice could differ from sending it once.
func (c call) changes() bool { return c.method != http.MethodGet }

// answer is what Vault said to a call.
type answer struct {
	status int
	body   []byte
}

// reasons gives the texts of a refusal.
func (a answer) reasons() string {
	var r api.ErrorResponse
	if json.Unmarshal(a.body, &r, json.MatchCaseInsensitiveNames(true)) != nil {
		return ""
	}
	return strings.Join(r.Errors, "\n")
}

// send gives the answer of the first node that has one. Reads are tried on every node. A change
// goes to the next node only while it is certain that none has seen it; else the
// error is uncertain. Any other error is ErrUnavailable or the context's.
func (c *cluster) send(ctx context.Context, q call) (answer, error) {
	start := int(c.first.Load())
	var failed error
	for i := range c.nodes {
		n := (start + i) % len(c.nodes)
		a, sent, err := c.ask(ctx, n, q)
		switch {
		case err == nil && (a.status < http.StatusInternalServerError || i == len(c.nodes)-1):
			return a, nil
		case err == nil && q.changes() && !errors.As(refusal(a), new(uncertain)):
			failed = unavailable(fmt.Errorf("vault answers %d", a.status)) // nothing was done there
		case err == nil && q.changes():
			return a, nil
		case err == nil:
			failed = refusal(a)
		case errors.Is(err, ErrRedirect):
			return answer{}, unavailable(err)
		case q.changes() && sent:
			if ctx.Err() == nil {
				c.leave(n) // what became of it is better asked elsewhere
			}
			return answer{}, uncertain{err}
		case ctx.Err() != nil:
			return answer{}, ctx.Err()
		default:
			failed = unavailable(err)
		}
		c.leave(n)
	}
	return answer{}, failed
}

// leave has the calls that follow begin with another node, unless they do already.
func (c *cluster) leave(n int) {
	c.first.CompareAndSwap(int32(n), int32((n+1)%len(c.nodes)))
}

// ask sends to one node, and follows it where it names another node as the leader. sent
// tells whether a node may have seen the request.
func (c *cluster) ask(ctx context.Context, n int, q call) (a answer, sent bool, err error) {
	limit := time.Now().Add(c.timeout)
	asked := n
	for range maxRedirects + 1 {
		var next int
		a, next, sent, err = c.exchange(ctx, c.nodes[n], q, limit)
		if err != nil && !time.Now().Before(limit) && ctx.Err() == nil {
			// Not the caller's deadline: it must not read as if it were.
			err = fmt.Errorf("no answer within %v", c.timeout)
		}
		if err != nil {
			return a, sent, err
		}
		if next < 0 {
			if n != asked {
				c.first.Store(int32(n)) // and not before it has answered: standbys go on naming a leader that is dead
			}
			return a, sent, nil
		}
		n = next
	}
	return a, false, errors.New("vault's nodes redirect to each other")
}

// exchange sends to one node. next is the node that it redirects to, or -1.
func (c *cluster) exchange(ctx context.Context, to *node, q call, limit time.Time) (a answer, next int, sent bool, err error) {
	buffer := c.buffers.take()
	defer c.buffers.give(buffer)
	if *buffer, err = appendRequest(*buffer, to.URL, c.namespace, q); err != nil {
		return answer{}, -1, false, err
	}
	response, body, sent, err := c.converse(ctx, to, q, *buffer, limit)
	if err != nil {
		return answer{}, -1, sent, err
	}
	if s := response.StatusCode; s >= 300 && s < 400 {
		next, err = c.leader(to, response)
		return answer{}, next, false, err
	}
	return answer{status: response.StatusCode, body: body}, -1, true, nil
}

// converse sends over a connection that rested, and over a new one where it was closed meanwhile:
// a change only if nothing of it was sent.
func (c *cluster) converse(ctx context.Context, to *node, q call, request []byte, limit time.Time) (*http.Response, []byte, bool, error) {
	w, err := to.take(ctx, limit, q.changes())
	for err == nil {
		response, body, whole, failed := w.exchange(ctx, q.method, request, limit)
		if whole {
			to.put(w)
		} else {
			_ = w.Close()
		}
		unsent := errors.Is(failed, errUnsent)
		if failed == nil || !w.used || q.changes() && !unsent || ctx.Err() != nil || !time.Now().Before(limit) {
			return response, body, !unsent, failed
		}
		w, err = dial(ctx, limit, to) // not another one that rested: all may be closed
	}
	return nil, nil, false, err
}

// leader gives the configured node that a redirect names. Of the location only the host
// counts: path and body stay what they were.
func (c *cluster) leader(from *node, response *http.Response) (int, error) {
	location, err := from.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" {
		return -1, ErrRedirect
	}
	for i, node := range c.nodes {
		if location.Scheme == node.Scheme && hostPort(location) == hostPort(node.URL) {
			return i, nil
		}
	}
	return -1, fmt.Errorf("%w: %.80q; add the api_addr of each node to the addresses", ErrRedirect, location.Host)
}

// hostPort gives host and port in one spelling.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// close drops the connections that rest.
func (c *cluster) close() {
	for _, n := range c.nodes {
		n.close()
	}
}
