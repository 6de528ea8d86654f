package live_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// api answers 401 unless a request has the current bearer.
type api struct {
	*httptest.Server
	bearer   atomic.Pointer[string]
	requests atomic.Int64
	seen     atomic.Pointer[string] // the last Authorization
	bodies   atomic.Pointer[string]
}

func newAPI(t *testing.T, bearer string) *api {
	t.Helper()
	a := &api{}
	a.bearer.Store(&bearer)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests.Add(1)
		header := r.Header.Get("Authorization")
		a.seen.Store(&header)
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		a.bodies.Store(&text)
		if header != "Bearer "+*a.bearer.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

type key struct {
	Key myvault.Value `vault:"prod/api/key"`
}

func keyOf(k *key) myvault.Value { return k.Key }

func TestRoundTripper(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/api/key": "one"}).As(vaulttest.DefaultService)
	l := bind[key](t, unsupported{session}, live.Config{Interval: time.Hour}) // it notices no change alone
	a := newAPI(t, "one")
	host := strings.TrimPrefix(a.URL, "http://")
	c := &http.Client{Transport: l.RoundTripper(nil, keyOf, host)}
	post := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL, strings.NewReader("a body"))
		is.NoErr(err)
		response, err := c.Do(r)
		is.NoErr(err)
		is.NoErr(response.Body.Close())
		is.Equal(r.Header.Get("Authorization"), "") // the request of the caller is left alone
		return response.StatusCode
	}
	is.Equal(post(), 200)
	is.Equal(a.requests.Load(), int64(1))
	two := "two"
	a.bearer.Store(&two)
	is.Equal(post(), 401) // the vault has no other one
	is.Equal(a.requests.Load(), int64(2))
	put(t, session, "prod/api/key", "two")
	is.Equal(post(), 200)
	is.Equal(a.requests.Load(), int64(4))
	is.Equal(*a.bodies.Load(), "a body") // sent again

	put(t, session, "prod/api/key", "three")
	three := "three"
	a.bearer.Store(&three)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL, io.NopCloser(strings.NewReader("a body")))
	is.NoErr(err)
	response, err := c.Do(r)
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 401) // its body cannot be sent again
	is.Equal(a.requests.Load(), int64(5))
}

// TestBearerStaysAtItsHosts: neither a redirect nor a request to another host gets the bearer.
func TestBearerStaysAtItsHosts(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/api/key": "one"}).As(vaulttest.DefaultService)
	l := bind[key](t, session, live.Config{Interval: time.Hour})
	other := newAPI(t, "one")
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	c := &http.Client{Transport: l.RoundTripper(nil, keyOf, strings.TrimPrefix(first.URL, "http://"))}
	response, err := c.Get(first.URL)
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 401)
	is.Equal(*other.seen.Load(), "")

	sent := false
	plain := l.RoundTripper(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("Authorization") != ""
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}), keyOf, "api.example.org")
	for address, want := range map[string]bool{
		"https://api.example.org/x": true, "https://API.example.org": true, "http://api.example.org": false,
		"https://api.example.org:8443": false, "https://api.example.org.evil.test": false,
	} {
		u, err := url.Parse(address)
		is.NoErr(err)
		_, err = plain.RoundTrip((&http.Request{URL: u, Header: http.Header{}}).WithContext(t.Context()))
		is.NoErr(err)
		is.Equal(sent, want)
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pair of a certificate and its key in PEM, for a name.
func certificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

type withTLS struct {
	Certificate tls.Certificate `vault:"prod/tls,pem"`
}

// TestGetCertificate: each handshake has the certificate of the current set.
func TestGetCertificate(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/tls": certificate(t, "one.test")}).As(vaulttest.DefaultService)
	l := bind[withTLS](t, session, live.Config{Interval: time.Hour})
	of := func(c *withTLS) *tls.Certificate { return &c.Certificate }
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{GetCertificate: l.GetCertificate(of)}
	s.StartTLS()
	defer s.Close()
	name := func() string {
		conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "one.test"})
		is.NoErr(err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	is.Equal(name(), "one.test")
	put(t, session, "prod/tls", certificate(t, "two.test"))
	is.NoErr(l.Refresh(t.Context()))
	is.Equal(name(), "two.test")
	put(t, session, "prod/tls", "no certificate")
	is.True(l.Refresh(t.Context()) != nil)
	is.Equal(name(), "two.test")
	c, err := l.GetClientCertificate(of)(nil)
	is.NoErr(err)
	is.Equal(c, &l.Load().Certificate)
}

type keys struct {
	Pool   *x509.CertPool      `vault:"prod/ca,pem"`
	Chain  []*x509.Certificate `vault:"prod/ca,pem"`
	Signer crypto.Signer       `vault:"prod/key,pem"`
}

func TestPEM(t *testing.T) {
	is := is.New(t)
	both := certificate(t, "ca.test")
	end := strings.Index(both, "-----BEGIN PRIVATE KEY-----")
	session := vaulttest.New(t, map[string]string{"newsbot/prod/ca": both[:end], "newsbot/prod/key": both[end:]}).As(vaulttest.DefaultService)
	c := bind[keys](t, session, live.Config{}).Load()
	is.Equal(c.Chain[0].Subject.CommonName, "ca.test")
	is.True(c.Pool.Equal(c.Pool))
	is.True(c.Chain[0].PublicKey.(*ecdsa.PublicKey).Equal(c.Signer.Public()))
	for _, bad := range []string{"", "x", both, both[:end] + "x"} {
		session := vaulttest.New(t, map[string]string{"newsbot/prod/ca": bad + " ", "newsbot/prod/key": both[end:]}).As(vaulttest.DefaultService)
		_, err := live.Bind[keys](t.Context(), session, "newsbot")
		is.True(err != nil)
	}
}
