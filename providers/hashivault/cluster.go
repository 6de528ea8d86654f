package hashivault

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/hashicorp/vault/api"
)

const (
	idleConnections = 256
	maxAnswer       = 64 << 20 // bytes; the listing of a folder of a million names
	maxRedirects    = 2
	idleTime        = 90 * time.Second // less than after which Vault closes a connection
	noForwarding    = "X-Vault-No-Request-Forwarding"
	handshakeTime   = 3 * time.Second
)

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: handshakeTime,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		MaxIdleConns:        4 * idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleTime,
		DisableCompression:  true,
	}
}

// cluster sends requests to the nodes of one Vault.
type cluster struct {
	nodes     []*url.URL
	first     atomic.Int32 // the node that answered last
	transport *http.Transport
	wires     []*wires    // to each node; nil: transport carries all
	forwarded atomic.Bool // standbys pass changes on, as the leader is not among nodes
	namespace string
	timeout   time.Duration
}

func newCluster(nodes []*url.URL, transport *http.Transport, config Config) *cluster {
	c := &cluster{nodes: nodes, transport: transport, namespace: config.Namespace, timeout: config.Timeout}
	for _, node := range nodes {
		c.wires = append(c.wires, newWires(node, transport))
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
	direct bool   // a standby does nothing, and says who the leader is
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

// ofVault reports whether a 404 is Vault's: it always has reasons, be it none, or data. Proxies answer 404, too, while
// they know of no Vault.
func (a answer) ofVault() bool {
	var is struct {
		Errors *[]string      `json:"errors"`
		Data   jsontext.Value `json:"data"`
	}
	return json.Unmarshal(a.body, &is) == nil && (is.Errors != nil || is.Data != nil)
}

// hasData reports whether the answer holds data, as that to a listing of nothing does not.
func (a answer) hasData() bool {
	var is struct {
		Data jsontext.Value `json:"data"`
	}
	return json.Unmarshal(a.body, &is) == nil && is.Data.Kind() == '{'
}

// withoutData returns ErrTampered if the answer holds data: it is the answer to another request
// then.
func (a answer) withoutData() error {
	if a.hasData() {
		return foreign()
	}
	return nil
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
		case q.changes() && sent:
			if ctx.Err() == nil {
				c.leave(n) // what became of it is better asked elsewhere
			}
			return answer{}, uncertain{err}
		case errors.Is(err, ErrRedirect):
			return answer{}, unavailable(err)
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
// tells whether a node may have done what was asked.
//
// Standbys pass requests on to the leader, and redirect to it, or say that there is none, where that failed: also where
// the leader did what was asked and died before it said so. So a change is sent with the wish not to be passed on; a
// redirect then tells that nothing was done. Where the leader is not among the nodes, as behind a load balancer, changes
// have to be passed on, and a redirect tells nothing.
func (c *cluster) ask(ctx context.Context, n int, q call) (a answer, sent bool, err error) {
	inner, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	asked := n
	for range maxRedirects + 1 {
		var next int
		q.direct = q.changes() && !c.forwarded.Load()
		a, next, sent, err = c.exchange(inner, n, q)
		if q.direct && errors.Is(err, ErrRedirect) {
			c.forwarded.Store(true)
			continue
		}
		if err != nil && inner.Err() != nil && ctx.Err() == nil {
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

// exchange sends to one node. next is the node that it redirects to, or -1; sent is what ask says it is.
func (c *cluster) exchange(ctx context.Context, n int, q call) (a answer, next int, sent bool, err error) {
	r, err := c.request(ctx, c.nodes[n], q)
	if err != nil {
		return answer{}, -1, false, err
	}
	var response *http.Response
	var body []byte
	if w := c.wires[n]; w != nil && len(q.body) <= maxWired {
		response, body, sent, err = w.exchange(r, q.changes())
	} else {
		response, body, sent, err = c.roundTrip(r)
	}
	if err != nil {
		return answer{}, -1, sent, err
	}
	if s := response.StatusCode; s < 300 || s >= 400 {
		return answer{status: s, body: body}, -1, sent, nil
	}
	next, err = c.leader(response)
	passed := q.changes() && !q.direct
	if passed && err == nil {
		c.forwarded.Store(false) // the leader is among the nodes after all
		next, err = -1, errors.New("a standby redirects a change that it may have passed on")
	}
	return answer{}, next, passed, err
}

// request writes a call as a request of HTTP.
func (c *cluster) request(ctx context.Context, node *url.URL, q call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, "", bytes.NewReader(q.body))
	if err != nil {
		return nil, errors.New("the request cannot be written")
	}
	// Given as it is, and not as a text that would be parsed.
	r.URL = &url.URL{Scheme: node.Scheme, Host: node.Host, Path: "/v1/" + q.path, RawQuery: q.query}
	r.Host = node.Host
	if !fitsHeader(q.token) || !fitsHeader(c.namespace) {
		return nil, errors.New("the token or the namespace holds a character that no header takes")
	}
	r.Header.Set(api.RequestHeaderName, "true")
	if q.direct {
		r.Header.Set(noForwarding, "true")
	}
	if q.token != "" {
		r.Header.Set(api.AuthHeaderName, q.token)
	}
	if c.namespace != "" {
		r.Header.Set(api.NamespaceHeaderName, c.namespace)
	}
	if q.method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	return r, nil
}

func fitsHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// roundTrip sends a request over net/http's connections, one after the other until something of it was written.
func (c *cluster) roundTrip(r *http.Request) (response *http.Response, body []byte, sent bool, err error) {
	var answers atomic.Bool
	trace := httptrace.ClientTrace{
		GetConn:              func(string) { sent = false }, // nothing went over the one before
		GotConn:              func(httptrace.GotConnInfo) { sent = true },
		GotFirstResponseByte: func() { answers.Store(true) },
	}
	// The transport itself, and no http.Client: that would follow redirects, token and all.
	response, err = c.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &trace)))
	if err != nil && answers.Load() {
		err = unquoted(err)
	}
	if err != nil {
		return nil, nil, sent, err
	}
	defer response.Body.Close()
	body, err = readBody(response)
	return response, body, sent, err
}

// leader gives the configured node that a redirect names. Of the location only the host
// counts: path and body stay what they were.
func (c *cluster) leader(response *http.Response) (int, error) {
	location, err := response.Location()
	if err != nil {
		return -1, ErrRedirect
	}
	for i, node := range c.nodes {
		if location.Scheme == node.Scheme && hostPort(location) == hostPort(node) {
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

// close drops the connections that are idle.
func (c *cluster) close() {
	c.transport.CloseIdleConnections()
	for _, n := range c.wires {
		n.close()
	}
}
