package httpapi_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/providers/memory"
)

// running is an API that is served.
type running struct {
	*fixture
	stop  context.CancelFunc
	ended chan error
}

// start serves an API on the address of listener until stop.
func start(t *testing.T, listener net.Listener, config serve.Config) *running {
	t.Helper()
	f, _ := serveFaulty(t)
	return f.start(listener, config)
}

// start serves f on the address of listener until stop.
func (f *fixture) start(listener net.Listener, config serve.Config) *running {
	ctx, stop := context.WithCancel(context.Background())
	s := &running{fixture: f, stop: stop, ended: make(chan error, 1)}
	f.url = "http://" + listener.Addr().String()
	go func() { s.ended <- httpapi.Serve(ctx, listener, f.handler, config) }()
	f.t.Cleanup(stop)
	return s
}

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	is := is.New(t)
	ready := make(chan int, 1)
	var s *running
	config := serve.Config{Draining: func() { ready <- record(s.handler, newRequest("GET", "/ready")).Code }}
	s = start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), config)
	is.Equal(s.as("admin", "GET", db, "").status, 200)
	is.Equal(s.do("GET", "/ready", "").status, 200)
	options := s.rawText("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	is.Equal(options.status, 404) // not answered by net/http in its own way
	checkHeaders(is, options)
	s.stop()
	is.Equal(<-ready, 503)
	is.NoErr(<-s.ended)
}

// TestWeakTokensBeyondLoopback are refused by Serve.
func TestWeakTokensBeyondLoopback(t *testing.T) {
	weak, err := myvault.ParsePolicy(with(map[string]string{"TOKEN_reader": "short"}))
	is.New(t).NoErr(err)
	certificate := &tls.Config{Certificates: httptestCertificates(t)}
	for _, c := range []struct {
		name    string
		address string
		weak    bool
		config  serve.Config
		refused string
	}{
		{"loopback", "127.0.0.1:0", false, serve.Config{}, ""},
		{"loopback, weak token", "127.0.0.1:0", true, serve.Config{}, ""},
		{"everywhere", "0.0.0.0:0", false, serve.Config{}, "without TLS"},
		{"everywhere, said so", "0.0.0.0:0", false, serve.Config{PlaintextBeyondLoopback: true}, ""},
		{"everywhere, TLS", "0.0.0.0:0", false, serve.Config{TLS: certificate}, ""},
		{"everywhere, said so, weak token", "0.0.0.0:0", true, serve.Config{PlaintextBeyondLoopback: true}, "16 characters"},
		{"everywhere, TLS, weak token", "0.0.0.0:0", true, serve.Config{TLS: certificate}, "16 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			f, _ := serveFaulty(t)
			if c.weak {
				f.vault.SetPolicy(weak)
			}
			listener := servertest.Listen(t, "tcp", c.address)
			ctx, stop := context.WithCancel(t.Context())
			stop() // one that is not refused ends at once
			err := httpapi.Serve(ctx, listener, f.handler, c.config)
			isErr(is, listener.Close(), net.ErrClosed) // closed in any case
			if c.refused == "" {
				is.NoErr(err)
				is.Equal(strings.Contains(f.logs.String(), "can be guessed"), c.weak)
				return
			}
			isErr(is, err, myvault.ErrInvalid)
			is.True(strings.Contains(err.Error(), c.refused))
			is.True(!strings.Contains(err.Error(), "short"))
		})
	}
}

// shortTokens returns the API of a vault whose service app has tokens of 3, 15 and 16 bytes, by
// their digests.
func shortTokens(t *testing.T) *httpapi.Handler {
	t.Helper()
	service := myvault.Service{Name: "app"}
	for _, token := range []string{"abc", "0123456789abcde", "0123456789abcdef"} {
		service.Tokens = append(service.Tokens, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(token))))
	}
	policy, err := myvault.NewPolicy(service)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = vault.Close() })
	api, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// TestAShortTokenNeverLogsInBeyondLoopback, although the policy, which has its digest,
// cannot know that it is short.
func TestAShortTokenNeverLogsInBeyondLoopback(t *testing.T) {
	for _, c := range []struct {
		address string
		token   string
		status  int
	}{
		{"127.0.0.1:0", "abc", 200},
		{"127.0.0.1:0", "0123456789abcde", 200},
		{"0.0.0.0:0", "abc", 401}, // by whichever address the client comes
		{"0.0.0.0:0", "0123456789abcde", 401},
		{"0.0.0.0:0", "0123456789abcdef", 200},
		{"0.0.0.0:0", "", 401},
	} {
		t.Run(c.address+" "+c.token, func(t *testing.T) {
			is := is.New(t)
			listener := servertest.Listen(t, "tcp", c.address)
			ctx, stop := context.WithCancel(t.Context())
			api, ended := shortTokens(t), make(chan error, 1)
			go func() {
				ended <- httpapi.Serve(ctx, listener, api, serve.Config{PlaintextBeyondLoopback: true})
			}()
			request, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d/api/whoami", listener.Addr().(*net.TCPAddr).Port), nil)
			is.NoErr(err)
			request.Header.Set("X-Service", "app")
			request.Header.Set("X-Token", c.token)
			response, err := http.DefaultClient.Do(request)
			is.NoErr(err)
			is.NoErr(response.Body.Close())
			is.Equal(response.StatusCode, c.status)
			stop()
			is.NoErr(<-ended)
		})
	}
}

// TestAShortTokenInAServerOfOnesOwn is held to the address of its connection.
func TestAShortTokenInAServerOfOnesOwn(t *testing.T) {
	is := is.New(t)
	api := shortTokens(t)
	for address, status := range map[string]int{"127.0.0.1": 200, "192.0.2.7": 401} {
		r := httptest.NewRequest("GET", "http://localhost/api/whoami", nil)
		r.Header.Set("X-Service", "app")
		r.Header.Set("X-Token", "abc")
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(address), Port: 1}))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		is.Equal(w.Code, status)
	}
}

// TestAStrangersBodyIsNotWaitedFor: the answer comes before the body, and the connection ends.
func TestAStrangersBodyIsNotWaitedFor(t *testing.T) {
	for _, path := range []string{"POST /api/secrets", "GET /health", "POST /nothing"} {
		t.Run(path, func(t *testing.T) {
			is := is.New(t)
			s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{})
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			is.NoErr(err)
			defer conn.Close()
			_, err = io.WriteString(conn, path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
			is.NoErr(err)
			is.NoErr(conn.SetReadDeadline(time.Now().Add(20 * time.Second))) // a body may take 30
			text, err := io.ReadAll(conn)
			is.NoErr(err)
			is.True(strings.HasPrefix(string(text), "HTTP/1.1 "))
			is.True(strings.Contains(string(text), "Connection: close"))
			s.stop()
		})
	}
}

// httptestCertificates borrows the certificate of httptest.
func httptestCertificates(t *testing.T) []tls.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return server.TLS.Certificates
}
