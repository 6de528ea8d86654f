package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// secured is an API that is served over TLS, with certificates from files.
type secured struct {
	*running
	ca, clients *authority.Authority // of the server, and of its clients
	files       serve.CertificateFiles
	loaded      *serve.Certificates
}

func startTLS(t *testing.T) *secured {
	t.Helper()
	f, _ := serveFaulty(t)
	return f.startTLS(t)
}

// startTLS serves f over TLS.
func (f *fixture) startTLS(t *testing.T) *secured {
	t.Helper()
	s := &secured{ca: authority.New(t, "servers"), clients: authority.New(t, "clients")}
	dir := t.TempDir()
	s.files.Certificate, s.files.Key = s.ca.Server(t).Write(t, dir, "server")
	s.files.ClientCA = filepath.Join(dir, "clients.pem")
	authority.WriteFile(t, s.files.ClientCA, s.clients.PEM)
	var err error
	if s.loaded, err = serve.LoadCertificates(s.files); err != nil {
		t.Fatal(err)
	}
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	s.running = f.start(listener, serve.Config{Certificates: s.loaded})
	s.url = "https://" + listener.Addr().String()
	t.Cleanup(func() { s.stop(); <-s.ended })
	return s
}

// whoami asks who the caller is: "" where the connection is refused, else the status, and
// the service.
func (s *secured) whoami(t *testing.T, client *http.Client, headers ...string) string {
	t.Helper()
	switch status, body := servertest.Get(t, client, s.url+"/api/whoami", headers...); status {
	case 0:
		return ""
	case http.StatusOK:
		return fmt.Sprint(status, " ", reply{body: body}.object(t)["service"])
	default:
		return fmt.Sprint(status)
	}
}

// withCertificates lets reader prove itself by certificate, or by token.
func (s *secured) withCertificates(t *testing.T, changes map[string]string) {
	t.Helper()
	changed := with(map[string]string{"CERT_reader": "uri:spiffe://example.org/reader,dns:reader.internal"})
	for key, value := range changes {
		changed[key] = value
	}
	policy, err := myvault.ParsePolicy(changed)
	if err != nil {
		t.Fatal(err)
	}
	s.vault.SetPolicy(policy)
}

// TestCertificatesAreIdentities, from real handshakes, with all that can be wrong with them.
func TestCertificatesAreIdentities(t *testing.T) {
	s := startTLS(t)
	s.withCertificates(t, nil)
	reader := authority.Wanted{URIs: []string{"spiffe://example.org/reader"}}
	expired := authority.Wanted{URIs: reader.URIs, Until: time.Now().Add(-time.Minute)}
	good, none := s.ca.HTTPClient(t, s.clients.Client(t, reader)), s.ca.HTTPClient(t)
	for name, c := range map[string]struct {
		client  *http.Client
		headers []string
		want    string
	}{
		"good":                  {good, nil, "200 reader"},
		"good by DNS name":      {s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{DNS: []string{"reader.internal"}})), nil, "200 reader"},
		"good and named":        {good, []string{"X-Service", "reader"}, "200 reader"},
		"good, another named":   {good, []string{"X-Service", "admin"}, "401"},
		"good, token of other":  {good, []string{"X-Service", "admin", "X-Token", adminToken}, "200 admin"},
		"good, a wrong token":   {good, []string{"X-Service", "reader", "X-Token", "x"}, "200 reader"},
		"good, named twice":     {good, []string{"X-Service", "reader", "X-Service", "reader"}, "400"},
		"good, named by alias":  {good, []string{"X_Service", "admin"}, "200 reader"},
		"none":                  {none, nil, "401"},
		"none, named":           {none, []string{"X-Service", "reader"}, "401"},
		"none, and a token":     {none, []string{"X-Service", "reader", "X-Token", readerToken}, "200 reader"},
		"none, told by headers": {none, []string{"X-Forwarded-Client-Cert", "URI=spiffe://example.org/reader", "X-Ssl-Client-Verify", "SUCCESS"}, "401"},
		"wrong name":            {s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{URIs: []string{"spiffe://example.org/other"}})), nil, "401"},
		"wrong authority":       {s.ca.HTTPClient(t, authority.New(t, "clients").Client(t, reader)), nil, ""},
		"expired":               {s.ca.HTTPClient(t, s.clients.Client(t, expired)), nil, ""},
		"wrong usage":           {s.ca.HTTPClient(t, s.clients.Server(t)), nil, ""},
		"no usage":              {s.ca.HTTPClient(t, s.clients.Issue(t, reader)), nil, "401"},
		"the authority":         {s.ca.HTTPClient(t, authority.Pair{Certificate: s.clients.PEM, Key: s.clients.Key(t)}), nil, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.Equal(s.whoami(t, c.client, c.headers...), c.want)
		})
	}
}

// TestAServiceThatNeedsBoth has no way in by one alone.
func TestAServiceThatNeedsBoth(t *testing.T) {
	is := is.New(t)
	s := startTLS(t)
	s.withCertificates(t, map[string]string{"CERT_reader": "dns:reader.internal,with:token"})
	good := s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{DNS: []string{"reader.internal"}}))
	is.Equal(s.whoami(t, good), "401")
	is.Equal(s.whoami(t, s.ca.HTTPClient(t), "X-Service", "reader", "X-Token", readerToken), "401")
	is.Equal(s.whoami(t, good, "X-Service", "reader", "X-Token", readerToken), "200 reader")
	is.Equal(s.whoami(t, good, "X-Token", readerToken), "200 reader")
}

// TestACertificateEndsWhileItsConnectionIsOpen, by the policy, by its own end, and by the
// authorities.
func TestACertificateEndsWhileItsConnectionIsOpen(t *testing.T) {
	is := is.New(t)
	s := startTLS(t)
	s.withCertificates(t, nil)
	wanted := authority.Wanted{DNS: []string{"reader.internal"}}
	client := s.ca.HTTPClient(t, s.clients.Client(t, wanted))
	is.Equal(s.whoami(t, client), "200 reader")
	s.withCertificates(t, map[string]string{"CERT_reader": "dns:another.internal"})
	is.Equal(s.whoami(t, client), "401")
	s.withCertificates(t, nil)
	is.Equal(s.whoami(t, client), "200 reader")

	var brief *http.Client
	first := ""
	for life := 2 * time.Second; first != "200 reader" && life < 2*time.Minute; life *= 2 { // so long as it ends before it is used
		short := wanted
		short.Until = time.Now().Add(life)
		brief = s.ca.HTTPClient(t, s.clients.Client(t, short))
		first = s.whoami(t, brief)
	}
	is.Equal(first, "200 reader")
	ended := ""
	for range 1200 { // on the connection that was opened when it was valid
		if ended = s.whoami(t, brief); ended != "200 reader" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	is.Equal(ended, "401")

	authority.WriteFile(t, s.files.ClientCA, authority.New(t, "clients").PEM)
	is.NoErr(s.loaded.Reload())
	is.Equal(s.whoami(t, client), "401")
	is.Equal(s.whoami(t, client), "") // on a new connection
}

// TestTheHandlerBelievesNoUnverifiedCertificate, which a host's own server may ask for.
func TestTheHandlerBelievesNoUnverifiedCertificate(t *testing.T) {
	is := is.New(t)
	s := startTLS(t)
	s.withCertificates(t, nil)
	r := newRequest("GET", "/api/whoami")
	client := s.clients.Client(t, authority.Wanted{DNS: []string{"reader.internal"}})
	r.TLS = peers(client.Leaf)
	is.Equal(record(s.handler, r).Code, 401)
	r.TLS.VerifiedChains = chains(client.Leaf, s.clients.Certificate)
	is.Equal(record(s.handler, r).Code, 200)
}

func peers(leaf *x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
}

func chains(leaf, ca *x509.Certificate) [][]*x509.Certificate {
	return [][]*x509.Certificate{{leaf, ca}}
}
