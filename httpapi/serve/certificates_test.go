package serve_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// secured is a server over TLS whose certificates lie in files.
type secured struct {
	*running
	ca, clients *authority.Authority // of the server, and of its clients
	files       serve.CertificateFiles
	loaded      *serve.Certificates
}

// startTLS serves with certificates that change may have done something to.
func startTLS(t *testing.T, change func(*serve.CertificateFiles)) *secured {
	t.Helper()
	s := &secured{ca: authority.New(t, "servers"), clients: authority.New(t, "clients")}
	dir := t.TempDir()
	s.files.Certificate, s.files.Key = s.ca.Server(t).Write(t, dir, "server")
	s.files.ClientCA = filepath.Join(dir, "clients.pem")
	authority.WriteFile(t, s.files.ClientCA, s.clients.PEM)
	if change != nil {
		change(&s.files)
	}
	var err error
	if s.loaded, err = serve.LoadCertificates(s.files); err != nil {
		t.Fatal(err)
	}
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	s.running = start(t, listener, serve.Config{Certificates: s.loaded})
	s.url = "https://" + listener.Addr().String()
	s.client = s.ca.HTTPClient(t)
	t.Cleanup(func() { s.stop(); <-s.ended })
	return s
}

// status returns the status of a GET of path, 0 if the connection is refused.
func (s *secured) status(t *testing.T, client *http.Client, path string) int {
	t.Helper()
	answer, err := client.Get(s.url + path)
	if err != nil {
		t.Log(err)
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body) // else the client closes the connection
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestHandshakesWithClientCertificates(t *testing.T) {
	stranger := authority.New(t, "clients") // the same name, and another key
	for _, required := range []bool{false, true} {
		s := startTLS(t, func(f *serve.CertificateFiles) { f.ClientRequired = required })
		none := 200
		if required {
			none = 0
		}
		for name, c := range map[string]struct {
			pairs []authority.Pair
			want  int
		}{
			"none":               {nil, none},
			"good":               {[]authority.Pair{s.clients.Client(t, authority.Wanted{})}, 200},
			"wrong authority":    {[]authority.Pair{stranger.Client(t, authority.Wanted{})}, 0},
			"server's authority": {[]authority.Pair{s.ca.Client(t, authority.Wanted{})}, 0},
			"expired":            {[]authority.Pair{s.clients.Client(t, authority.Wanted{Until: time.Now().Add(-time.Minute)})}, 0},
			"not valid yet":      {[]authority.Pair{s.clients.Client(t, authority.Wanted{Validity: time.Minute})}, 0},
			"wrong usage":        {[]authority.Pair{s.clients.Server(t)}, 0},
		} {
			t.Run(fmt.Sprintf("%s, required %v", name, required), func(t *testing.T) {
				is := is.New(t)
				is.Equal(s.status(t, s.ca.HTTPClient(t, c.pairs...), "/health"), c.want)
			})
		}
	}
}

func TestClientsRefuseAServerOfAnotherNameOrAuthority(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	for _, config := range []*tls.Config{
		{RootCAs: authority.Pool(s.ca), ServerName: "another.example"},
		{RootCAs: authority.Pool(s.clients)},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		is.Equal(s.status(t, client, "/health"), 0)
	}
	is.Equal(s.status(t, s.client, "/health"), 200)
}

func TestVersionsOfTLS(t *testing.T) {
	for _, c := range []struct {
		least, offered uint16
		want           int
	}{{0, tls.VersionTLS13, 200}, {0, tls.VersionTLS12, 0}, {tls.VersionTLS12, tls.VersionTLS12, 200}, {tls.VersionTLS12, tls.VersionTLS11, 0}} {
		t.Run(fmt.Sprintf("%x of %x", c.offered, c.least), func(t *testing.T) {
			is := is.New(t)
			s := startTLS(t, func(f *serve.CertificateFiles) { f.MinVersion = c.least })
			s.client.Transport.(*http.Transport).TLSClientConfig.MaxVersion = c.offered
			is.Equal(s.status(t, s.client, "/health"), c.want)
		})
	}
}

// TestReloadUnderLoad changes certificates, by call and by file, while requests come over
// connections that stay and over new ones. None may fail.
func TestReloadUnderLoad(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	dir := filepath.Dir(s.files.Certificate)
	var asked, over atomic.Int64
	var clients sync.WaitGroup
	for n := range 8 {
		client := s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{}))
		client.Transport.(*http.Transport).DisableKeepAlives = n%2 == 0
		clients.Go(func() {
			for over.Load() == 0 {
				request, _ := http.NewRequest("GET", s.url+"/whoami", nil)
				request.Header.Set("X-Service", "admin")
				answer, err := client.Do(request)
				if err != nil || answer.StatusCode != 200 {
					t.Errorf("a request failed: %v", err)
					return
				}
				_ = answer.Body.Close()
				asked.Add(1)
			}
		})
	}
	for range 30 { // the authorities of clients too: a second one comes and goes
		before := asked.Load()
		s.ca.Server(t).Write(t, dir, "server")
		authority.WriteFile(t, s.files.ClientCA, append(authority.New(t, "more").PEM, s.clients.PEM...))
		is.NoErr(s.loaded.Reload())
		for asked.Load() < before+4 && !t.Failed() { // each change is met by requests
			time.Sleep(time.Millisecond)
		}
	}
	last := s.ca.Server(t)
	last.Write(t, dir, "server")
	for range 6000 { // found by looking at the files
		if s.serves(t, last) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	over.Store(1)
	clients.Wait()
	is.True(s.serves(t, last))
	is.True(asked.Load() >= 120)
	t.Logf("%d requests, 31 changes of certificates, no failure", asked.Load())
}

// serves reports whether a new connection meets the certificate.
func (s *secured) serves(t *testing.T, pair authority.Pair) bool {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: authority.Pool(s.ca), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Equal(pair.Leaf)
}

// TestBadFilesKeepWhatWasThere: each file is spoiled in each way, and the old certificates
// serve on.
func TestBadFilesKeepWhatWasThere(t *testing.T) {
	s := startTLS(t, nil)
	dir := filepath.Dir(s.files.Certificate)
	good := s.ca.Server(t)
	good.Write(t, dir, "server")
	is.New(t).NoErr(s.loaded.Reload())
	other := s.ca.Server(t)
	for name, spoil := range map[string]func(t *testing.T){
		"no certificate":      func(*testing.T) { _ = os.Remove(s.files.Certificate) },
		"empty certificate":   func(t *testing.T) { authority.WriteFile(t, s.files.Certificate, nil) },
		"half a certificate":  func(t *testing.T) { authority.WriteFile(t, s.files.Certificate, good.Certificate[:200]) },
		"another certificate": func(t *testing.T) { authority.WriteFile(t, s.files.Certificate, other.Certificate) },
		"another key":         func(t *testing.T) { authority.WriteFile(t, s.files.Key, other.Key) },
		"no key":              func(*testing.T) { _ = os.Remove(s.files.Key) },
		"a key for all":       func(t *testing.T) { _ = os.Chmod(s.files.Key, 0o644) },
		"exchanged": func(t *testing.T) {
			authority.WriteFile(t, s.files.Certificate, good.Key)
			authority.WriteFile(t, s.files.Key, good.Certificate)
		},
		"expired": func(t *testing.T) {
			s.ca.Issue(t, authority.Wanted{Until: time.Now().Add(-time.Second), DNS: []string{"localhost"}}).Write(t, dir, "server")
		},
		"a client's": func(t *testing.T) { s.ca.Client(t, authority.Wanted{}).Write(t, dir, "server") },
		"too large": func(t *testing.T) {
			authority.WriteFile(t, s.files.Certificate, append(bytes.Clone(good.Certificate), make([]byte, 2<<20)...))
		},
		"no authorities":       func(t *testing.T) { authority.WriteFile(t, s.files.ClientCA, nil) },
		"authorities are gone": func(*testing.T) { _ = os.Remove(s.files.ClientCA) },
		"no authority":         func(t *testing.T) { authority.WriteFile(t, s.files.ClientCA, good.Certificate) },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			spoil(t)
			err := s.loaded.Reload()
			isErr(is, err, myvault.ErrInvalid)
			t.Log(err)
			is.True(!strings.Contains(err.Error(), dir) && !strings.Contains(err.Error(), "BEGIN"))
			_, err = serve.LoadCertificates(s.files)
			isErr(is, err, myvault.ErrInvalid) // nor would a start take them
			is.True(s.serves(t, good))
			is.Equal(s.status(t, s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{})), "/health"), 200)
			good.Write(t, dir, "server")
			authority.WriteFile(t, s.files.ClientCA, s.clients.PEM)
			is.NoErr(s.loaded.Reload())
		})
	}
}

func TestABadFileIsLogged(t *testing.T) {
	t.Parallel() // the files are checked every two seconds
	is := is.New(t)
	s := startTLS(t, nil)
	authority.WriteFile(t, s.files.Key, []byte("canary"))
	logged := func(what string) bool {
		for range 6000 {
			if strings.Contains(s.logs.String(), what) {
				return true
			}
			time.Sleep(20 * time.Millisecond)
		}
		return false
	}
	is.True(logged("certificates not reloaded"))
	is.True(!strings.Contains(s.logs.String(), "canary") && !strings.Contains(s.logs.String(), s.files.Key))
	s.ca.Server(t).Write(t, filepath.Dir(s.files.Key), "server")
	is.True(logged("certificates reloaded"))
}

// TestAnOpenConnectionIsHeldToNewAuthorities: its certificate no longer counts if they do
// not vouch for it, and the connection ends with that request.
func TestAnOpenConnectionIsHeldToNewAuthorities(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, func(f *serve.CertificateFiles) { f.ClientRequired = true })
	client := s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{}))
	is.Equal(s.status(t, client, "/health"), 200)
	authority.WriteFile(t, s.files.ClientCA, append(authority.New(t, "more").PEM, s.clients.PEM...))
	is.NoErr(s.loaded.Reload())
	is.Equal(s.status(t, client, "/health"), 200) // still one of theirs
	is.Equal(s.status(t, client, "/health"), 200)
	authority.WriteFile(t, s.files.ClientCA, authority.New(t, "more").PEM)
	is.NoErr(s.loaded.Reload())
	is.Equal(s.status(t, client, "/health"), 0)
}

func TestCertificatesThatCannotBe(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	for _, files := range []serve.CertificateFiles{
		{},
		{Certificate: s.files.Certificate},
		{Key: s.files.Key},
		{Certificate: s.files.Certificate, Key: s.files.Key, ClientRequired: true},
		{Certificate: s.files.Certificate, Key: s.files.Key, MinVersion: tls.VersionTLS11},
	} {
		_, err := serve.LoadCertificates(files)
		isErr(is, err, myvault.ErrInvalid)
	}
	for _, config := range []serve.Config{
		{Certificates: s.loaded, TLS: &tls.Config{}},
		{MaxConnections: -1},
		{Drain: -1},
	} {
		isErr(is, serve.Serve(t.Context(), servertest.Listen(t, "tcp", "127.0.0.1:0"), &app{}, config), myvault.ErrInvalid)
	}
}
