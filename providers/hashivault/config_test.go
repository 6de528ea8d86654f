package hashivault_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair returns a key and a certificate for it. Without an authority the certificate is
// self-signed.
func pair(t *testing.T, by *authority, name string) (certificate, key []byte, own *authority) {
	t.Helper()
	is := is.New(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	is.NoErr(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer := &authority{cert: template, key: private}
	if by != nil {
		signer = by
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, &private.PublicKey, signer.key)
	is.NoErr(err)
	encodedKey, err := x509.MarshalECPrivateKey(private)
	is.NoErr(err)
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encodedKey})
	return certificate, key, &authority{cert: template, key: private, pem: certificate}
}

// TestTLS: the server must have a certificate of the configured CA, and gets the client's
// certificate.
func TestTLS(t *testing.T) {
	is := is.New(t)
	_, _, ca := pair(t, nil, "ca")
	serverCert, serverKey, _ := pair(t, ca, "vault.example")
	clientCert, clientKey, _ := pair(t, ca, "myvault")
	server, err := tls.X509KeyPair(serverCert, serverKey)
	is.NoErr(err)
	pool := x509.NewCertPool()
	is.True(pool.AppendCertsFromPEM(ca.pem))
	fake := fakevault.New(t)
	front := httptest.NewUnstartedServer(http.HandlerFunc(fake.ServeHTTP))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	front.StartTLS()
	defer front.Close()

	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		is.NoErr(os.WriteFile(path, text, 0o600))
		return path
	}
	config := fresh(front.URL, fake.Token)
	config.TLS = api.TLSConfig{
		CACertBytes: ca.pem, ClientCert: file("client.pem", clientCert), ClientKey: file("client-key.pem", clientKey),
		TLSServerName: "vault.example",
	}
	do(t, opened(t, config), put("newsbot/a", "1"))

	for about, spoil := range map[string]func(*hashivault.Config){
		"an unknown authority": func(c *hashivault.Config) { _, _, other := pair(t, nil, "ca"); c.TLS.CACertBytes = other.pem },
		"another name":         func(c *hashivault.Config) { c.TLS.TLSServerName = "other.example" },
		"no certificate":       func(c *hashivault.Config) { c.TLS.ClientCert, c.TLS.ClientKey = "", "" },
	} {
		wrong := config
		spoil(&wrong)
		fake.Requests()
		_, err := hashivault.Open(t.Context(), wrong)
		if !errors.Is(err, myvault.ErrUnavailable) || len(fake.Requests()) != 0 {
			t.Errorf("%s: %v", about, err)
		}
	}
}

// TestNamespace: the namespace is sent with every request. If none is configured, none is sent.
func TestNamespace(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	var want atomic.Value
	want.Store("team/a")
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Namespace") != want.Load() || r.Header.Get("X-Vault-Request") != "true" {
			t.Errorf("%s %s without its headers", r.Method, r.URL.Path)
		}
		fake.ServeHTTP(w, r)
	}))
	defer front.Close()
	config := fresh(front.URL, fake.Token)
	config.Namespace = "team/a"
	do(t, opened(t, config), put("newsbot/a", "1"))
	want.Store("")
	config.Namespace = ""
	s := opened(t, config)
	is.NoErr(s.Ping(t.Context()))
}

// TestTheEnvironmentDoesNothing: variables for Vault's own programs change neither the address
// nor whether the store opens.
func TestTheEnvironmentDoesNothing(t *testing.T) {
	is := is.New(t)
	stranger := eavesdrop(t)
	for name, value := range map[string]string{
		"VAULT_ADDR": stranger.URL, "VAULT_AGENT_ADDR": stranger.URL, "VAULT_TOKEN": "from-the-environment",
		"VAULT_NAMESPACE": "elsewhere", "VAULT_PROXY_ADDR": stranger.URL, "VAULT_HTTP_PROXY": stranger.URL,
		"HTTP_PROXY": stranger.URL, "http_proxy": stranger.URL, "VAULT_SKIP_VERIFY": "perhaps", "VAULT_CACERT": "/nowhere/ca.pem",
		"VAULT_CLIENT_CERT": "/nowhere/cert.pem", "VAULT_MAX_RETRIES": "many", "VAULT_CLIENT_TIMEOUT": "soon",
		"VAULT_RATE_LIMIT": "some", "VAULT_WRAP_TTL": "5m", "VAULT_HEADERS": "{", "VAULT_SRV_LOOKUP": "x", "VAULT_DISABLE_REDIRECTS": "x",
	} {
		t.Setenv(name, value)
	}
	// In such an environment the api package returns no client at all.
	_, err := api.NewClient(&api.Config{Address: stranger.URL})
	is.True(err != nil)

	fake := fakevault.New(t)
	s, err := hashivault.Open(t.Context(), fresh(fake.Address, fake.Token))
	is.NoErr(err)
	defer s.Close()
	do(t, s, put("newsbot/a", "1"))
	is.Equal(len(states(t, s, "newsbot/a")), 1)
	is.Equal(stranger.said(), nil)
}

// TestPlaintextBeyondLoopback: it is refused before anything is sent, unless it is configured.
func TestPlaintextBeyondLoopback(t *testing.T) {
	for address, local := range map[string]bool{
		"http://127.0.0.1:8200": true, "http://127.9.9.9:8200": true, "http://[::1]:8200": true, "http://[::ffff:127.0.0.1]:8200": true,
		"http://localhost:8200": true, "http://LOCALHOST.:8200": true, "https://vault.example.org:8200": true, "https://192.0.2.1": true,
		"http://vault.example.org:8200": false, "http://192.0.2.1:8200": false, "http://0.0.0.0:8200": false, "http://[::]:8200": false,
		"http://[2001:db8::1]:8200": false, "http://localhost.example.org:8200": false, "http://127.0.0.1.example.org": false, "http://127.1:8200": false,
		"HTTP://vault.example.org:8200": false, "http://vault:8200": false,
	} {
		t.Run(address, func(t *testing.T) {
			for _, plaintext := range []bool{false, true} {
				is := is.New(t)
				var dialed atomic.Bool
				refuse := func(context.Context, string, string) (net.Conn, error) {
					dialed.Store(true)
					return nil, errors.New("not there")
				}
				config := fresh(address, "hvs.secret")
				config.Plaintext = plaintext
				_, err := hashivault.Open(t.Context(), hashivault.Over(config, refuse))
				is.Equal(dialed.Load(), local || plaintext)
				is.Equal(errors.Is(err, myvault.ErrInvalid), !local && !plaintext)
				is.True(!strings.Contains(err.Error(), "hvs.secret"))
			}
		})
	}
}

// TestCheckFindsWhatOpenRefuses: Check returns all errors at once, without asking Vault.
func TestCheckFindsWhatOpenRefuses(t *testing.T) {
	is := is.New(t)
	good := hashivault.Config{Addresses: []string{"https://127.0.0.1:1"}, Token: myvault.Text("t")}
	is.NoErr(good.Check())
	bad := good
	bad.Addresses, bad.Mount, bad.TLS = []string{"127.0.0.1"}, "a/../b", api.TLSConfig{CACert: "/none"}
	err := bad.Check()
	is.True(errors.Is(err, myvault.ErrInvalid))
	for _, want := range []string{"address 1", "double slashes", "TLS"} {
		is.True(strings.Contains(err.Error(), want))
	}
	_, err = hashivault.Open(t.Context(), bad)
	is.True(errors.Is(err, myvault.ErrInvalid))
}
