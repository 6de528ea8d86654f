// Package authority is a certificate authority for tests.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates. PEM is its own certificate, for the programs that trust it.
type Authority struct {
	PEM         []byte
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Wanted describes a certificate to issue. The zero Wanted is valid for an hour and for no usage.
type Wanted struct {
	CommonName     string
	LastCommonName string // a second common name; "": none
	Organization   string
	URIs, DNS      []string
	IPs            []string
	Usage          []x509.ExtKeyUsage
	UnknownUsage   bool          // adds a usage that crypto/x509 has no constant for
	Until          time.Time     // the end of its validity; zero: in an hour
	Validity       time.Duration // the time from its begin to Until; 0: two hours
}

// Pair is a certificate with its key, in PEM.
type Pair struct {
	Certificate, Key []byte
	Leaf             *x509.Certificate
}

// New returns a new root authority. Errors end the test.
func New(t testing.TB, name string) *Authority {
	t.Helper()
	key, template := newKey(t), template(t, name, time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour))
	leaf, text := sign(t, template, template, key, key)
	return &Authority{PEM: text, Certificate: leaf, key: key}
}

// Intermediate returns an authority whose certificate a signs. Holders of its certificates must
// present its PEM too.
func (a *Authority) Intermediate(t testing.TB, name string) *Authority {
	t.Helper()
	key := newKey(t)
	leaf, text := sign(t, template(t, name, a.Certificate.NotBefore, a.Certificate.NotAfter), a.Certificate, key, a.key)
	return &Authority{PEM: text, Certificate: leaf, key: key}
}

// template returns the unsigned certificate of an authority.
func template(t testing.TB, name string, from, until time.Time) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// Server issues a certificate for a server at localhost and the loopback addresses.
func (a *Authority) Server(t testing.TB) Pair {
	t.Helper()
	return a.Issue(t, Wanted{
		CommonName: "server", DNS: []string{"localhost"}, IPs: []string{"127.0.0.1", "::1"},
		Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// Client issues a certificate as w describes, with the usage of a client.
func (a *Authority) Client(t testing.TB, w Wanted) Pair {
	t.Helper()
	w.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.Issue(t, w)
}

// Issue issues a certificate as w describes.
func (a *Authority) Issue(t testing.TB, w Wanted) Pair {
	t.Helper()
	if w.Until.IsZero() {
		w.Until = time.Now().Add(time.Hour)
	}
	if w.Validity == 0 {
		w.Validity = 2 * time.Hour
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: w.subject(), DNSNames: w.DNS,
		NotBefore: w.Until.Add(-w.Validity), NotAfter: w.Until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: w.Usage,
	}
	if w.UnknownUsage {
		template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}} // smart card log-in
	}
	for _, text := range w.URIs {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, u)
	}
	for _, text := range w.IPs {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(text))
	}
	key := newKey(t)
	leaf, text := sign(t, template, a.Certificate, key, a.key)
	return Pair{Certificate: text, Key: encode(t, key), Leaf: leaf}
}

// subject returns the subject of the certificate.
func (w Wanted) subject() pkix.Name {
	name := pkix.Name{CommonName: w.CommonName}
	if w.Organization != "" {
		name.Organization = []string{w.Organization}
	}
	if w.LastCommonName != "" {
		oid := asn1.ObjectIdentifier{2, 5, 4, 3} // common name; the field holds only one
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oid, Value: w.CommonName}, {Type: oid, Value: w.LastCommonName}}
	}
	return name
}

// TLS returns the pair for a [tls.Config].
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Write writes the pair to name.pem and name.key in dir, each atomically, and returns the paths.
func (p Pair) Write(t testing.TB, dir, name string) (certificate, key string) {
	t.Helper()
	certificate, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	WriteFile(t, certificate, p.Certificate)
	WriteFile(t, key, p.Key)
	return certificate, key
}

// WriteFile replaces the file at path atomically. Only its owner can read it.
func WriteFile(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// HTTPClient returns a client that trusts servers of a and presents a certificate if one is given.
func (a *Authority) HTTPClient(t testing.TB, presented ...Pair) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: Pool(a), MinVersion: tls.VersionTLS12}
	if len(presented) > 0 { // sent regardless of the authorities that the server accepts
		pair := presented[0].TLS(t)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Pool returns a pool of the authorities.
func Pool(authorities ...*Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, a := range authorities {
		pool.AddCert(a.Certificate)
	}
	return pool
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, []byte) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n.Add(n, big.NewInt(1))
}

// Key returns the authority's own key, in PEM.
func (a *Authority) Key(t testing.TB) []byte { return encode(t, a.key) }

func encode(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
