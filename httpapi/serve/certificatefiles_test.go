package serve_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// TestEachFileIsFollowed: a certificate may be renewed with the same key, and authorities
// may change alone.
func TestEachFileIsFollowed(t *testing.T) {
	t.Parallel() // the files are checked every two seconds
	is := is.New(t)
	chained, moved := startTLS(t, nil), startTLS(t, nil)
	text, err := os.ReadFile(chained.files.Certificate)
	is.NoErr(err)
	authority.WriteFile(t, chained.files.Certificate, append(text, chained.ca.PEM...))
	next := authority.New(t, "clients")
	client := next.Client(t, authority.Wanted{})
	is.Equal(moved.status(t, moved.ca.HTTPClient(t, client), "/health"), 0)
	authority.WriteFile(t, moved.files.ClientCA, next.PEM)
	await := func(ok func() bool) bool {
		for range 6000 {
			if ok() {
				return true
			}
			time.Sleep(20 * time.Millisecond)
		}
		return false
	}
	is.True(await(func() bool { return len(chained.shown(t)) == 2 }))
	is.True(await(func() bool { return moved.status(t, moved.ca.HTTPClient(t, client), "/health") == 200 }))
}

// shown returns the certificates of the server on a new connection.
func (s *secured) shown(t *testing.T) []*x509.Certificate {
	t.Helper()
	return s.dial(t, &tls.Config{}).PeerCertificates
}

// dial returns the state after a handshake.
func (s *secured) dial(t *testing.T, config *tls.Config) tls.ConnectionState {
	t.Helper()
	config.RootCAs, config.ServerName = authority.Pool(s.ca), "localhost"
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState()
}

// TestUsesOfTheServersCertificate: one that names none is for all.
func TestUsesOfTheServersCertificate(t *testing.T) {
	s := startTLS(t, nil)
	for name, c := range map[string]struct {
		wanted authority.Wanted
		good   bool
	}{
		"none":    {authority.Wanted{}, true},
		"any":     {authority.Wanted{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}, true},
		"both":    {authority.Wanted{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, true},
		"mail":    {authority.Wanted{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}, false},
		"unknown": {authority.Wanted{UnknownUsage: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			files := s.files
			files.Certificate, files.Key = s.ca.Issue(t, c.wanted).Write(t, t.TempDir(), "server")
			_, err := serve.LoadCertificates(files)
			is.Equal(err == nil, c.good)
		})
	}
}

// TestAuthoritiesAreNothingElse: every block of the file is an authority, or none counts.
func TestAuthoritiesAreNothingElse(t *testing.T) {
	s := startTLS(t, nil)
	pair := s.clients.Client(t, authority.Wanted{})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("canary")})
	for name, second := range map[string][]byte{"a key": pair.Key, "a client": pair.Certificate, "a broken one": broken} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			files := s.files
			files.ClientCA = filepath.Join(t.TempDir(), "clients.pem")
			authority.WriteFile(t, files.ClientCA, bytes.Join([][]byte{s.clients.PEM, second}, nil))
			_, err := serve.LoadCertificates(files)
			isErr(is, err, myvault.ErrInvalid)
			is.True(!strings.Contains(err.Error(), "canary"))
		})
	}
}

// TestAHugeFileIsNotReadToItsEnd.
func TestAHugeFileIsNotReadToItsEnd(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	files := s.files
	files.Certificate = filepath.Join(t.TempDir(), "huge.pem")
	is.NoErr(os.WriteFile(files.Certificate, nil, 0o600))
	is.NoErr(os.Truncate(files.Certificate, 64<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := serve.LoadCertificates(files)
	runtime.ReadMemStats(&after)
	isErr(is, err, myvault.ErrInvalid)
	is.True(after.TotalAlloc-before.TotalAlloc < 32<<20) // a megabyte, and what looking for changes takes
}

// TestOpenConnectionsGoOn when files change: with the same authorities as before, with
// others for one more request. Its certificate counts if they vouch for it. A client
// without one authenticates by its header.
func TestOpenConnectionsGoOn(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	wanted := authority.Wanted{DNS: []string{"reader.internal"}}
	between := s.clients.Intermediate(t, "between")
	below := between.Client(t, wanted)
	below.Certificate = append(below.Certificate, between.PEM...)
	clients := map[string]*http.Client{"its own": s.ca.HTTPClient(t, s.clients.Client(t, wanted)), "below": s.ca.HTTPClient(t, below), "none": s.ca.HTTPClient(t)}
	asks := func(name, want string, open bool) {
		t.Helper()
		var headers []string
		if name == "none" {
			headers = []string{"X-Service", "reader"}
		}
		reused := false
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}
		got := s.whoami(t, &http.Client{Transport: traced{clients[name].Transport, trace}}, headers...)
		if got != want || reused != open {
			t.Errorf("%s: %q over an open connection %v, want %q, %v", name, got, reused, want, open)
		}
	}
	change := func(authorities ...[]byte) {
		s.ca.Server(t).Write(t, filepath.Dir(s.files.Key), "server")
		authority.WriteFile(t, s.files.ClientCA, bytes.Join(authorities, nil))
		is.NoErr(s.loaded.Reload())
	}
	for name := range clients {
		asks(name, "200 reader", false)
	}
	change(s.clients.PEM)
	for name := range clients { // not even the second request meets a new connection
		asks(name, "200 reader", true)
		asks(name, "200 reader", true)
	}
	change(authority.New(t, "more").PEM, s.clients.PEM)
	for name := range clients {
		asks(name, "200 reader", true)
		asks(name, "200 reader", false)
	}
	change(authority.New(t, "clients").PEM)
	is.NoErr(s.loaded.Reload()) // once more, with the authorities that are new to the connections
	asks("none", "200 reader", true)
	asks("its own", "401", true)
	asks("below", "401", true)
}

// traced adds trace to requests.
type traced struct {
	http.RoundTripper
	trace *httptrace.ClientTrace
}

func (c traced) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), c.trace)))
}

// TestNoSessionIsTakenUpAgain if client certificates count: it would have one that was
// verified earlier.
func TestNoSessionIsTakenUpAgain(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	cache := &offered{ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	client := s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{}))
	client.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = cache
	for range 2 {
		is.Equal(s.status(t, client, "/health"), 200) // the answer comes behind the tickets
		client.CloseIdleConnections()
	}
	is.Equal(cache.tickets, 0)
}

// offered counts the tickets that a server gave.
type offered struct {
	tls.ClientSessionCache
	tickets int
}

func (o *offered) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		o.tickets++
	}
	o.ClientSessionCache.Put(key, s)
}

// TestOneProtocol is negotiated: a client that requires HTTP/2 fails in the handshake.
func TestOneProtocol(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	is.Equal(s.dial(t, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}).NegotiatedProtocol, "http/1.1")
	_, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: authority.Pool(s.ca), NextProtos: []string{"h2"}})
	is.True(err != nil)
}

// TestServeOverTLSEndsWithTheErrorOfItsListener, and stops watching files.
func TestServeOverTLSEndsWithTheErrorOfItsListener(t *testing.T) {
	is := is.New(t)
	certificate, key := authority.New(t, "servers").Server(t).Write(t, t.TempDir(), "server")
	loaded, err := serve.LoadCertificates(serve.CertificateFiles{Certificate: certificate, Key: key})
	is.NoErr(err)
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	s := start(t, listener, serve.Config{Certificates: loaded})
	is.NoErr(listener.Close())
	isErr(is, <-s.ended, net.ErrClosed)
}

// TestTheTLSOfAHostIsCopied: its programs may use it for something else.
func TestTheTLSOfAHostIsCopied(t *testing.T) {
	is := is.New(t)
	config := &tls.Config{Certificates: testCertificate(t)}
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{TLS: config})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	answer, err := client.Get(strings.Replace(s.url, "http:", "https:", 1) + "/health")
	is.NoErr(err)
	is.NoErr(answer.Body.Close())
	is.Equal(answer.Proto, "HTTP/1.1") // one request at a time
	client.CloseIdleConnections()
	s.stop()
	is.NoErr(<-s.ended)
	is.Equal(config.MinVersion, uint16(0))
}

// TestOnlyLoopbackIsLocal: private addresses are reached from other machines.
func TestOnlyLoopbackIsLocal(t *testing.T) {
	is := is.New(t)
	for address, local := range map[string]bool{"127.0.0.1": true, "127.8.8.8": true, "::1": true, "10.0.0.1": false, "192.168.0.1": false, "fd00::1": false, "169.254.0.1": false, "0.0.0.0": false, "::": false} {
		err := serve.Config{}.Validate(&net.TCPAddr{IP: net.ParseIP(address), Port: 8000})
		is.Equal(err == nil, local)
		is.True(local || errors.Is(err, myvault.ErrInvalid))
	}
}

// whoami asks who the caller is: "" where the connection is refused, else the status, and
// the service.
func (s *secured) whoami(t *testing.T, client *http.Client, headers ...string) string {
	t.Helper()
	switch status, body := servertest.Get(t, client, s.url+"/whoami", headers...); status {
	case 0:
		return ""
	case http.StatusOK:
		return fmt.Sprint(status, " ", body)
	default:
		return fmt.Sprint(status)
	}
}
