// Package transport sends requests to HashiCorp Vault over net/http, in HTTP/1.1, and reports
// of a request that failed whether a server may have seen it.
//
// A server that restarts closes its idle connections. A change written to such a connection has
// an unknown outcome, because net/http retries a change only if none of its bytes were written.
// So the socket of a used connection is examined before a request is written to it, as
// go-sql-driver/mysql does. If the server has closed it, the write fails before the first byte,
// and the request goes over another connection.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	dialTimeout      = 2 * time.Second
	keepAlive        = 15 * time.Second
	handshakeTimeout = 3 * time.Second
	idleTimeout      = 90 * time.Second // shorter than Vault's
	idlePerServer    = 256
	idleInAll        = 4 * idlePerServer
	maxHeader        = 256 << 10 // bytes
	maxBody          = 64 << 20  // bytes: the list of a folder with a million names
	readBuffer       = 32        // bytes; see New
	presized         = 1 << 20   // bytes, up to which a Content-Length is allocated at once
)

// Dialer opens a connection, as [net.Dialer.DialContext] does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Transport holds the connections to all servers. It is safe for concurrent use.
type Transport struct{ http *http.Transport }

// New returns a Transport that checks servers with the given TLS configuration. If dial is nil,
// connections are TCP. No proxy is used, and nothing is read from the environment.
//
// If a server sends more than one response to a request, net/http prints what it has buffered
// of the second one to the standard logger. Its buffer is so small that this shows no value.
func New(dial Dialer, tlsConfig *tls.Config) *Transport {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	// In HTTP/1.1 requests fail one by one when a server dies.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &Transport{&http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newConn(c), nil
		},
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    handshakeTimeout,
		Protocols:              protocols,
		MaxIdleConns:           idleInAll,
		MaxIdleConnsPerHost:    idlePerServer,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         readBuffer,
		DisableCompression:     true,
	}}
}

// Response is a response whose body has been read.
type Response struct {
	*http.Response
	Content []byte // the body, cut off at 64 MiB
}

// Send sends a request, which must have GetBody if it has a body, and reads the response.
// Redirects are not followed. If there is an error, sent reports whether a server may have seen
// the request.
func (t *Transport) Send(r *http.Request) (response Response, sent bool, err error) {
	for {
		var e exchange
		response, err = e.roundTrip(t.http, r)
		if err == nil || e.wrote.Load() || !e.reused || r.Context().Err() != nil {
			return response, e.wrote.Load(), err
		}
		// If net/http itself notices first that the server has closed the connection, it does
		// not repeat a change, although none of its bytes were written.
	}
}

// CloseIdle closes the connections that no request is using.
func (t *Transport) CloseIdle() { t.http.CloseIdleConnections() }

// exchange is one request and its response. net/http may try several connections.
type exchange struct {
	conn     *conn // the last one that net/http got
	reused   bool
	wrote    atomic.Bool // some of the request, on any connection
	answered atomic.Bool
}

func (e *exchange) roundTrip(t *http.Transport, r *http.Request) (Response, error) {
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), e.trace()))
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return Response{}, err
		}
		r.Body = body
	}
	response, err := t.RoundTrip(r)
	if err != nil {
		if e.answered.Load() {
			err = redacted(err)
		}
		return Response{}, err
	}
	defer response.Body.Close()
	content, err := read(response)
	if err != nil {
		return Response{}, redacted(err)
	}
	return Response{response, content}, nil
}

func (e *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { e.reused = false },
		GotConn: func(got httptrace.GotConnInfo) {
			e.conn, e.reused = connOf(got.Conn), got.Reused
			e.conn.begin(got.Reused, &e.wrote)
		},
		GotFirstResponseByte: func() { e.answered.Store(true) },
		PutIdleConn: func(err error) {
			if err == nil {
				e.conn.end()
			}
		},
	}
}

// read reads a body to its end, so that the connection can be used again.
func read(response *http.Response) ([]byte, error) {
	if n := response.ContentLength; n >= 0 && n <= presized {
		content := make([]byte, n)
		_, err := io.ReadFull(response.Body, content)
		return content, err
	}
	return io.ReadAll(io.LimitReader(response.Body, maxBody))
}

// errMalformed replaces errors of net/http that quote a response.
var errMalformed = errors.New("malformed or oversized HTTP response; check that the port is Vault's")

// redacted returns err, or errMalformed if err may quote a response, which may contain a secret.
func redacted(err error) error {
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) {
		return err
	}
	return errMalformed
}
