package hashivault

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// wire is one connection to a node. It carries one request at a time, in HTTP/1.1, whose requests
// fail one by one when a node dies. Who asks writes and reads by itself: net/http has two
// goroutines for each connection, and waking them costs more than all else it does.
type wire struct {
	net.Conn
	tcp    net.Conn // below TLS
	answer *bufio.Reader
	rested time.Time // when it was last put back
	used   bool      // it has carried a request before
}

const (
	dialTime      = 2 * time.Second
	handshakeTime = 3 * time.Second
	aliveTime     = 15 * time.Second // between the probes of TCP
)

// dial opens a connection to a node, until the limit or the end of ctx.
func dial(ctx context.Context, limit time.Time, to *node) (*wire, error) {
	dialer := net.Dialer{Timeout: dialTime, Deadline: limit, KeepAlive: aliveTime}
	conn, err := dialer.DialContext(ctx, "tcp", hostPort(to.URL))
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, tcp: conn}
	if to.Scheme == "https" {
		settings := to.settings.Clone()
		if settings.ServerName == "" {
			settings.ServerName = to.Hostname()
		}
		secured := tls.Client(conn, settings)
		if err := handshake(ctx, limit, secured); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		w.Conn = secured
	}
	w.answer = bufio.NewReader(w.Conn)
	return w, nil
}

func handshake(ctx context.Context, limit time.Time, conn *tls.Conn) error {
	if own := time.Now().Add(handshakeTime); own.Before(limit) {
		limit = own
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	return conn.HandshakeContext(ctx)
}

// errUnsent is of a request of which nothing left this machine.
var errUnsent = errors.New("the connection was closed")

// exchange sends a request and reads the answer until the limit, or the end of ctx. It is
// errUnsent, or the node may have seen the request. whole tells that the wire can carry another one.
func (w *wire) exchange(ctx context.Context, method string, request []byte, limit time.Time) (r *http.Response, body []byte, whole bool, err error) {
	if err := w.SetDeadline(limit); err != nil {
		return nil, nil, false, errUnsent
	}
	stop := context.AfterFunc(ctx, func() { _ = w.SetDeadline(time.Unix(1, 0)) })
	defer func() { whole = stop() && whole }()
	n, failed := w.Write(request)
	if failed != nil && n == 0 {
		return nil, nil, false, errUnsent
	}
	// A node that refuses a long request may have answered before it was written.
	r, body, whole, err = w.read(method)
	if err != nil {
		err = errors.Join(failed, err)
	}
	return r, body, whole && failed == nil, err
}

// read reads one answer.
func (w *wire) read(method string) (r *http.Response, body []byte, whole bool, err error) {
	for {
		if r, err = http.ReadResponse(w.answer, &http.Request{Method: method}); err != nil {
			return nil, nil, false, err
		}
		if r.StatusCode >= http.StatusOK {
			break // what comes before that only says to wait
		}
	}
	if r.ContentLength > maxAnswer {
		return nil, nil, false, errTooLong
	}
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	}
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	return r, body, err == nil && !r.Close && w.answer.Buffered() == 0, err
}

var errTooLong = errors.New("vault's answer is too long")

// buffers hold requests while they are sent.
type buffers struct{ pool sync.Pool }

func (b *buffers) take() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	return new([]byte)
}

// give takes a buffer back. It has held a token and perhaps a value.
func (b *buffers) give(p *[]byte) {
	clear(*p)
	*p = (*p)[:0]
	b.pool.Put(p)
}

// appendRequest writes a call as HTTP/1.1. It fails for what would not stay inside its header.
func appendRequest(b []byte, node *url.URL, namespace string, q call) ([]byte, error) {
	if !fitHeader(q.token) || !fitHeader(namespace) {
		return b, errors.New("the token or the namespace holds a character that no header takes")
	}
	target := url.URL{Path: "/v1/" + q.path, RawQuery: q.query}
	b = append(append(b, q.method...), ' ')
	b = append(append(b, target.RequestURI()...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, hostHeader(node)...), "\r\n"+api.RequestHeaderName+": true\r\n"...)
	if q.token != "" {
		b = append(append(append(b, api.AuthHeaderName+": "...), q.token...), "\r\n"...)
	}
	if namespace != "" {
		b = append(append(append(b, api.NamespaceHeaderName+": "...), namespace...), "\r\n"...)
	}
	if q.method == http.MethodPatch {
		b = append(b, "Content-Type: application/merge-patch+json\r\n"...)
	}
	if q.method != http.MethodGet {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(q.body)), 10), "\r\n"...)
	}
	return append(append(b, "\r\n"...), q.body...), nil
}

// hostHeader is without the zone of an address, which means something on this machine only.
func hostHeader(node *url.URL) string {
	before, zoned, found := strings.Cut(node.Host, "%")
	if !found {
		return node.Host
	}
	_, after, _ := strings.Cut(zoned, "]")
	return before + "]" + after
}

func fitHeader(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
