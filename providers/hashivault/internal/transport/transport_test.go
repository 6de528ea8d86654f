package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/hashivault/internal/transport"
)

// withAndWithoutTLS runs a test on a server of each kind.
func withAndWithoutTLS(t *testing.T, handler http.Handler, test func(t *testing.T, s *httptest.Server, tr *transport.Transport)) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			s := httptest.NewUnstartedServer(handler)
			security := &tls.Config{MinVersion: tls.VersionTLS12}
			if secure {
				s.StartTLS()
				security.RootCAs = x509.NewCertPool()
				security.RootCAs.AddCert(s.Certificate())
			} else {
				s.Start()
			}
			defer s.Close()
			tr := transport.New(nil, security)
			defer tr.CloseIdle()
			test(t, s, tr)
		})
	}
}

// post sends a change.
func post(ctx context.Context, tr *transport.Transport, url, body string) (string, bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", false, err
	}
	response, sent, err := tr.Send(r)
	return string(response.Content), sent, err
}

// TestChangesToAServerThatClosesConnections: a server that closes every second connection after
// its response, as one that restarts does, gets each change once, and none fails.
func TestChangesToAServerThatClosesConnections(t *testing.T) {
	var mu sync.Mutex
	var made map[string]int
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		made[string(body)]++
		_, _ = w.Write(body)
	})
	withAndWithoutTLS(t, handler, func(t *testing.T, s *httptest.Server, tr *transport.Transport) {
		is := is.New(t)
		made = map[string]int{}
		for i := range 200 {
			change := fmt.Sprint("change ", i)
			got, _, err := post(t.Context(), tr, s.URL, change)
			is.NoErr(err)
			is.Equal(got, change)
			is.Equal(made[change], 1)
			if i%2 == 1 {
				s.CloseClientConnections()
			}
		}
	})
}

// TestManyChangesAtOnce is the same with 8 callers, whose requests run while connections
// close. A change whose connection closes during the request has an unknown outcome. No other
// change fails.
func TestManyChangesAtOnce(t *testing.T) {
	var mu sync.Mutex
	var made map[string]int
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		made[string(body)]++
		n := len(made)
		mu.Unlock()
		if n%2 == 1 {
			_, _ = w.Write(body)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	})
	withAndWithoutTLS(t, handler, func(t *testing.T, s *httptest.Server, tr *transport.Transport) {
		made = map[string]int{}
		var unknown atomic.Int64
		var all sync.WaitGroup
		for caller := range 8 {
			all.Go(func() {
				for i := range 50 {
					change := fmt.Sprint(caller, " ", i)
					got, sent, err := post(t.Context(), tr, s.URL, change)
					if err == nil && got != change || err != nil && !sent {
						t.Errorf("%q, %t, %v", got, sent, err)
					}
					if err != nil {
						unknown.Add(1)
					}
				}
			})
		}
		all.Wait()
		t.Logf("%d changes with an unknown outcome", unknown.Load())
		for change, n := range made {
			if n != 1 {
				t.Errorf("%q was made %d times", change, n)
			}
		}
	})
}

// TestSent: a request that fails is reported as sent unless no server can have seen it.
func TestSent(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	withAndWithoutTLS(t, handler, func(t *testing.T, s *httptest.Server, tr *transport.Transport) {
		is := is.New(t)
		_, sent, err := post(t.Context(), tr, s.URL, "x")
		is.True(err != nil && sent) // the server closed the connection in place of a response
		s.Close()
		_, sent, err = post(t.Context(), tr, s.URL, "x")
		is.True(err != nil && !sent) // no server listens
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, sent, err = post(ctx, tr, s.URL, "x")
		is.True(errors.Is(err, context.Canceled) && !sent)
	})
}

// TestOneConnection: consecutive requests use one connection, for all kinds of response.
func TestOneConnection(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		case "/pieces":
			for range 100 {
				_, _ = w.Write([]byte(strings.Repeat("x", 1000)))
				_ = http.NewResponseController(w).Flush()
			}
		case "/error":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("{}"))
		}
	})
	withAndWithoutTLS(t, handler, func(t *testing.T, s *httptest.Server, _ *transport.Transport) {
		is := is.New(t)
		var dialed atomic.Int64
		tr := transport.New(func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		}, &tls.Config{InsecureSkipVerify: true})
		defer tr.CloseIdle()
		for range 5 {
			for _, path := range []string{"/nothing", "/pieces", "/error", "/"} {
				_, _, err := post(t.Context(), tr, s.URL+path, "x")
				is.NoErr(err)
			}
		}
		is.Equal(dialed.Load(), int64(1))
	})
}
