package serve_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
)

func TestServeAnswersUntilItsContextEnds(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{})
	is.Equal(s.get("/"), 200)
	text, err := io.ReadAll(s.connect("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nX-Service: asterisk\r\nConnection: close\r\n\r\n"))
	is.NoErr(err)
	is.True(strings.HasSuffix(string(text), "asterisk")) // answered by the handler, not by net/http
	s.stop()
	is.NoErr(<-s.ended)
	_, err = net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	is.True(err != nil) // not listening
}

func TestRequestsInFlightFinish(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{})
	inside, release := make(chan struct{}), make(chan struct{})
	var canceled error
	work := func(ctx context.Context) {
		close(inside)
		<-release
		canceled = ctx.Err()
	}
	s.app.work.Store(&work)
	answered := make(chan int, 1)
	go func() { answered <- s.get("/work") }()
	<-inside
	s.stop()
	select {
	case <-s.ended:
		t.Fatal("it ended with a request in flight")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	is.Equal(<-answered, 200)
	is.NoErr(canceled) // by the end of the server
	is.NoErr(<-s.ended)
}

func TestRequestsThatTakeTooLongAreCutOff(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{Grace: 20 * time.Millisecond})
	inside := make(chan struct{})
	endless := func(ctx context.Context) { close(inside); <-ctx.Done() }
	s.app.work.Store(&endless)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	is.NoErr(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /work HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\n\r\n")
	is.NoErr(err)
	<-inside
	s.stop()
	isErr(is, <-s.ended, context.DeadlineExceeded)
	rest, _ := io.ReadAll(conn)
	is.Equal(len(rest), 0)
}

func TestServeEndsWithTheErrorOfItsListener(t *testing.T) {
	is := is.New(t)
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	s := start(t, listener, serve.Config{})
	is.NoErr(listener.Close())
	isErr(is, <-s.ended, net.ErrClosed)
}

func TestBeyondLoopback(t *testing.T) {
	errUnfit := errors.New("unfit for this address")
	certificate := &tls.Config{Certificates: testCertificate(t)}
	for _, c := range []struct {
		name    string
		address string
		unfit   bool // by Check
		config  serve.Config
		refused string
	}{
		{"loopback", "127.0.0.1:0", false, serve.Config{}, ""},
		{"loopback of IPv6", "[::1]:0", false, serve.Config{}, ""},
		{"loopback, unfit", "127.0.0.1:0", true, serve.Config{}, "unfit"},
		{"everywhere", "0.0.0.0:0", false, serve.Config{}, "without TLS"},
		{"everywhere by IPv6", "[::]:0", false, serve.Config{}, "without TLS"},
		{"no address", ":0", false, serve.Config{}, "without TLS"},
		{"everywhere, said so", "0.0.0.0:0", false, serve.Config{PlaintextBeyondLoopback: true}, ""},
		{"everywhere, TLS", "0.0.0.0:0", false, serve.Config{TLS: certificate}, ""},
		{"everywhere, said so, unfit", "0.0.0.0:0", true, serve.Config{PlaintextBeyondLoopback: true}, "unfit"},
		{"everywhere, TLS, unfit", "0.0.0.0:0", true, serve.Config{TLS: certificate}, "unfit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			var checked net.Addr
			c.config.Check = func(addr net.Addr) error {
				if checked = addr; c.unfit {
					return errUnfit
				}
				return nil
			}
			listener := servertest.Listen(t, "tcp", c.address)
			ctx, stop := context.WithCancel(t.Context())
			stop() // one that is not refused ends at once
			err := serve.Serve(ctx, listener, &app{}, c.config)
			isErr(is, listener.Close(), net.ErrClosed) // closed in any case
			if c.refused == "" {
				is.NoErr(err)
				is.Equal(checked, listener.Addr())
				return
			}
			if c.unfit {
				isErr(is, err, errUnfit)
			} else {
				isErr(is, err, myvault.ErrInvalid)
			}
			is.True(strings.Contains(err.Error(), c.refused))
		})
	}
}

func TestAUnixSocketIsLocal(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "api.sock")
	s := start(t, servertest.Listen(t, "unix", path), serve.Config{})
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	response, err := client.Get("http://localhost/health")
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 200)
	client.CloseIdleConnections()
	s.stop()
	is.NoErr(<-s.ended)
}

// testCertificate borrows the certificate of httptest.
func testCertificate(t *testing.T) []tls.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return server.TLS.Certificates
}

func TestHTTPSIsTLS13UnlessToldOtherwise(t *testing.T) {
	for _, c := range []struct {
		name          string
		server, offer uint16
		good          bool
	}{
		{"by default", 0, tls.VersionTLS13, true},
		{"by default, to an old client", 0, tls.VersionTLS12, false},
		{"told otherwise", tls.VersionTLS12, tls.VersionTLS12, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
			s := start(t, listener, serve.Config{TLS: &tls.Config{Certificates: testCertificate(t), MinVersion: c.server}})
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: c.offer}}}
			response, err := client.Get("https://" + listener.Addr().String() + "/health")
			is.Equal(err == nil, c.good)
			if err == nil {
				is.NoErr(response.Body.Close())
			}
			client.CloseIdleConnections()
			s.stop()
			is.NoErr(<-s.ended)
		})
	}
}

func TestAConnectionThatTricklesIsClosed(t *testing.T) {
	t.Parallel() // it takes the five seconds that a header may take
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	is.NoErr(err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: localh")
	is.NoErr(err)
	is.NoErr(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	_, err = io.ReadAll(conn)
	is.NoErr(err) // closed by the server, not by the deadline
	s.stop()
	is.NoErr(<-s.ended)
}

func TestHeadersAreLimited(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{})
	is.Equal(s.get("/health", "X-Filler: "+strings.Repeat("x", 12<<10)), 200)
	is.Equal(s.get("/health", "X-Filler: "+strings.Repeat("x", 40<<10)), 431)
}
