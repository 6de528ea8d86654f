package hashivault_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// front is a server in front of a fake. It counts its connections.
type front struct {
	*httptest.Server
	opened atomic.Int64
	closed chan struct{}
}

func newFront(t *testing.T, secure bool, handler http.Handler) *front {
	f := &front{closed: make(chan struct{}, 100)}
	f.Server = httptest.NewUnstartedServer(handler)
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			f.opened.Add(1)
		case http.StateClosed, http.StateHijacked:
			f.closed <- struct{}{}
		}
	}
	if secure {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

// config returns a Config for a store behind the front.
func (f *front) config(fake *fakevault.Vault) hashivault.Config {
	c := fresh(f.URL, fake.Token)
	if f.Certificate() != nil {
		c.TLS = api.TLSConfig{CACertBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})}
	}
	return c
}

// withAndWithoutTLS runs a test without TLS and with it.
func withAndWithoutTLS(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Run("plain", func(t *testing.T) { test(t, false) })
	t.Run("TLS", func(t *testing.T) { test(t, true) })
}

// TestConnectionsAreUsedAgain: reads and changes use one connection. Close closes it.
func TestConnectionsAreUsedAgain(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		is := is.New(t)
		fake := fakevault.New(t)
		f := newFront(t, secure, fake)
		s := opened(t, f.config(fake))
		for range 10 {
			do(t, s, put("newsbot/a", "1"))
			_, err := s.Get(t.Context(), at("newsbot/a"), 0)
			is.NoErr(err)
			_, err = s.Get(t.Context(), at("newsbot/none"), 0) // a 404 is an answer like any other
			is.True(errors.Is(err, myvault.ErrNotFound))
		}
		is.Equal(f.opened.Load(), int64(1))
		is.NoErr(s.Close())
		<-f.closed
	})
}

// TestAConnectionThatTheServerClosed: no read fails because of it.
func TestAConnectionThatTheServerClosed(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		is := is.New(t)
		fake := fakevault.New(t)
		var last atomic.Bool
		f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if last.CompareAndSwap(true, false) {
				panic(http.ErrAbortHandler) // it closes the connection in place of an answer
			}
			fake.ServeHTTP(w, r)
		}))
		s := opened(t, f.config(fake))
		do(t, s, put("newsbot/a", "1"))
		for i := range 10 {
			if i%2 == 0 {
				f.CloseClientConnections()
			} else {
				last.Store(true)
			}
			secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "1")
		}
	})
}

// TestAConnectionWhoseCallerLeft: it is not used again. The next caller would get the answer to
// the canceled request.
func TestAConnectionWhoseCallerLeft(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		is := is.New(t)
		fake := fakevault.New(t)
		asked, left := make(chan struct{}), make(chan struct{})
		var wait atomic.Bool
		f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if wait.CompareAndSwap(true, false) {
				close(asked)
				<-left
			}
			fake.ServeHTTP(w, r)
		}))
		s := opened(t, f.config(fake))
		do(t, s, put("newsbot/a", "of a"), put("newsbot/b", "of b"))
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		before := f.opened.Load()
		wait.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		_, err = s.Get(ctx, at("newsbot/a"), 0)
		is.True(errors.Is(err, context.Canceled))
		close(left)
		secret, err := s.Get(t.Context(), at("newsbot/b"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "of b")
		is.Equal(f.opened.Load(), before+1)
	})
}

// TestAnswersInPieces: answers in chunks, after an interim answer, or with Connection: close
// are read.
func TestAnswersInPieces(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		is := is.New(t)
		fake := fakevault.New(t)
		var last atomic.Bool
		f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			if last.Load() {
				w.Header().Set("Connection", "close")
			}
			fake.ServeHTTP(pieces{w}, r)
		}))
		s := opened(t, f.config(fake))
		for range 2 {
			do(t, s, put("newsbot/a", "hunter2"))
			for range 3 {
				secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
				is.NoErr(err)
				is.Equal(secret.Value.Reveal(), "hunter2")
			}
			last.Store(true)
		}
	})
}

// pieces flushes its writes, so that the answer has no Content-Length.
type pieces struct{ http.ResponseWriter }

func (p pieces) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := p.ResponseWriter.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if i%16 == 0 {
			p.ResponseWriter.(http.Flusher).Flush()
		}
	}
	return len(b), nil
}

// TestAnswersWithoutAnEnd: endless headers and endless interim answers are given up.
func TestAnswersWithoutAnEnd(t *testing.T) {
	for _, c := range []struct{ about, first, more string }{
		{"a header", "HTTP/1.1 200 OK\r\n", "X-More: " + strings.Repeat("x", 1000) + "\r\n"},
		{"a line", "HTTP/1.1 200 OK\r\nX-More: ", strings.Repeat("x", 1000)},
		{"to wait", "", "HTTP/1.1 102 Wait\r\n\r\n"},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			fake := fakevault.New(t)
			var endless atomic.Bool
			var sent atomic.Int64
			f := newFront(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !endless.Load() {
					fake.ServeHTTP(w, r)
					return
				}
				instead(w, func(conn net.Conn) {
					var err error
					for text := c.first; err == nil; text = c.more {
						_, err = conn.Write([]byte(text))
						sent.Add(int64(len(text)))
					}
				})
			}))
			config := f.config(fake)
			config.Timeout = time.Minute
			s := opened(t, config)
			endless.Store(true)
			_, err := s.Get(t.Context(), at("newsbot/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable))
			is.True(sent.Load() < 32<<20) // the socket buffers of both sides are much smaller
			endless.Store(false)
		})
	}
}

// instead makes write answer in place of net/http, and closes the connection.
func instead(w http.ResponseWriter, write func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	write(conn)
}

// TestNothingEscapesFromAHeader: a line break in a header value is not sent.
func TestNothingEscapesFromAHeader(t *testing.T) {
	is := is.New(t)
	stranger := eavesdrop(t)
	config := fresh(stranger.URL, "a-token")
	config.Namespace = "team\r\nX-Vault-Token: another"
	_, err := hashivault.Open(t.Context(), config)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.Equal(stranger.said(), nil)
}

// TestNoErrorQuotesAnAnswer: a malformed answer may contain a value.
func TestNoErrorQuotesAnAnswer(t *testing.T) {
	for _, c := range []struct{ about, answer string }{
		{"no answer of HTTP", "hunter2\r\n\r\n"},
		{"a status", "HTTP/1.1 hunter2 OK\r\n\r\n"},
		{"a header", "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n"},
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n"},
		{"a coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: hunter2\r\n\r\n"},
		{"behind one that says to wait", "HTTP/1.1 103 Wait\r\nContent-Length: 9\r\n\r\nhunter2\r\n\r\n"},
		{"at the end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nhunter2\r\n\r\n"},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			fake := fakevault.New(t)
			var faulty atomic.Value // the method whose answers are faulty
			faulty.Store("")
			f := newFront(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if faulty.Load() != r.Method {
					fake.ServeHTTP(w, r)
					return
				}
				instead(w, func(conn net.Conn) { _, _ = conn.Write([]byte(c.answer)) })
			}))
			s := opened(t, f.config(fake))
			do(t, s, put("newsbot/a", "1"))
			faulty.Store(http.MethodGet)
			_, err := s.Get(t.Context(), at("newsbot/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable) && !strings.Contains(err.Error(), "hunter2"))
			faulty.Store(http.MethodPost)
			_, err = apply(t.Context(), s, put("newsbot/a", "2"))
			is.True(errors.Is(err, myvault.ErrUnknownOutcome) && !strings.Contains(err.Error(), "hunter2"))
		})
	}
}

// TestAHostThatIsNotASCII: it is converted to its name in the DNS, for reads and for changes.
func TestAHostThatIsNotASCII(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, fresh(strings.Replace(fake.Address, "127.0.0.1", "127.0.0.\uff11", 1), fake.Token)) // a wide 1
	do(t, s, put("newsbot/a", "1"))
	secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "1")
}

// TestAHandshakeThatDoesNotEnd: the error has one line.
func TestAHandshakeThatDoesNotEnd(t *testing.T) {
	is := is.New(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts connections, and no program answers
	is.NoErr(err)
	defer silent.Close()
	config := fresh("https://"+silent.Addr().String(), "a-token")
	config.Timeout = time.Minute
	_, err = hashivault.Open(t.Context(), config)
	is.True(errors.Is(err, myvault.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded))
	is.True(!strings.Contains(err.Error(), "\n"))
}
