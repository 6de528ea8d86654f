package hashivault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// pair makes a key and a certificate for it, signed by the authority or, without one, by itself.
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

// TestTLS: the server is checked against the CA that is configured and no other, and asks for the
// client's certificate.
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

// TestNamespace: it goes with every request, and none goes where none is configured.
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
