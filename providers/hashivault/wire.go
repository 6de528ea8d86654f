package hashivault

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	maxHeader  = 256 << 10 // bytes, of an answer
	maxInterim = 5         // answers that only say to wait
)

// wire is a connection to a node that carries requests, one at a time, in HTTP/1.1. Who asks writes and reads
// by itself: net/http's client has two goroutines for each connection, and waking them costs more than
// all else it does. Requests are written and answers are read by net/http. What must be right here is
// that an answer is the one to what was asked: a wire is used again only after a whole answer and while
// there is nothing to be read from it.
type wire struct {
	net.Conn // with TLS, if there is any
	raw      syscall.RawConn
	plain    net.Conn // below TLS
	secure   *tls.Conn
	limit    *io.LimitedReader // what answer may read
	answer   *bufio.Reader
	request  *bufio.Writer
	rested   time.Time // when it was last put back
}

func newWire(ctx context.Context, plain net.Conn, security *tls.Config) (*wire, error) {
	w := &wire{Conn: plain, plain: plain}
	if tcp, ok := plain.(syscall.Conn); ok {
		w.raw, _ = tcp.SyscallConn()
	}
	if security != nil {
		w.secure = tls.Client(plain, security)
		w.Conn = w.secure
		if err := handshake(ctx, w.secure); err != nil {
			_ = plain.Close() // it may be closed already
			return nil, err
		}
	}
	w.limit = &io.LimitedReader{R: w.Conn}
	w.answer, w.request = bufio.NewReader(w.limit), bufio.NewWriter(w.Conn)
	return w, nil
}

func handshake(ctx context.Context, conn *tls.Conn) error {
	limited, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	err := conn.HandshakeContext(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		// Not the caller's deadline: it must not read as if it were.
		return fmt.Errorf("no TLS handshake within %v", handshakeTime)
	}
	return err
}

// exchange sends a request and reads the answer, until the context of the request ends. again tells that the
// wire can carry another one.
func (w *wire) exchange(r *http.Request) (response *http.Response, body []byte, again bool, err error) {
	stop := context.AfterFunc(r.Context(), func() { _ = w.plain.Close() })
	defer func() { again = stop() && again }()
	if err := errors.Join(r.Write(w.request), w.request.Flush()); err != nil {
		return nil, nil, false, err
	}
	if response, err = w.header(r); err != nil {
		return nil, nil, false, err
	}
	if body, err = readBody(response); err != nil {
		return nil, nil, false, err
	}
	whole := len(body) < maxAnswer // else something of it may be still to come
	return response, body, whole && !response.Close && w.answer.Buffered() == 0, nil
}

// header reads the answer up to its body.
func (w *wire) header(r *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		w.limit.N = maxHeader
		response, err := http.ReadResponse(w.answer, r)
		if err != nil {
			return nil, unquoted(err)
		}
		if response.StatusCode >= http.StatusOK {
			w.limit.N = maxAnswer
			return response, nil
		}
	}
	return nil, errors.New("vault's answer does not come to an end")
}

// readBody reads the body of an answer.
func readBody(response *http.Response) ([]byte, error) {
	const known = 1 << 20 // up to which a length is believed before it is read
	if n := response.ContentLength; n >= 0 && n <= known {
		body := make([]byte, n)
		_, err := io.ReadFull(response.Body, body)
		return body, unquoted(err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return body, unquoted(err)
}

// unquoted gives an error of reading an answer, in place of one that quotes what was not understood: that may be of a value.
func unquoted(err error) error {
	_, network := errors.AsType[net.Error](err)
	if network || err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("an answer that is not one of HTTP/1.1, or too long; look whether that is the port of Vault")
}

// quiet reports whether there is nothing to be read: neither the end of the connection, nor what nobody asked for,
// which would be taken for the answer to the next request. The wire is closed where there is.
func (w *wire) quiet() bool {
	if w.silent() && (w.secure == nil || w.decrypted()) {
		return true
	}
	_ = w.plain.Close()
	return false
}

// decrypted reports whether TLS holds nothing back that has arrived.
func (w *wire) decrypted() bool {
	if w.secure.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	w.limit.N = 1
	_, err := w.answer.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded) && w.secure.SetReadDeadline(time.Time{}) == nil
}
