// Package authority makes certificates for tests: an authority, and what it signs.
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
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates, and is in PEM what those who believe it are given.
type Authority struct {
	PEM         []byte
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Wanted says what a certificate is to hold. The zero Wanted is valid for an hour and for no use.
type Wanted struct {
	CommonName     string
	LastCommonName string // a second one, which few certificates have; "": none
	Organization   string
	URIs, DNS      []string
	IPs            []string
	Usage          []x509.ExtKeyUsage
	UnknownUsage   bool          // for something besides that this package has no name for
	Until          time.Time     // zero: in an hour
	Lasting        time.Duration // how long before Until it began; 0: two hours
}

// Pair is a certificate with its key, in PEM.
type Pair struct {
	Certificate, Key []byte
	Leaf             *x509.Certificate
}

// New makes an authority. What cannot be made ends the test.
func New(t testing.TB, name string) *Authority {
	t.Helper()
	key, template := newKey(t), template(t, name, time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour))
	leaf, text := sign(t, template, template, key, key)
	return &Authority{PEM: text, Certificate: leaf, key: key}
}

// Below makes an authority that a vouches for. Who has a certificate of it shows its PEM too.
func (a *Authority) Below(t testing.TB, name string) *Authority {
	t.Helper()
	key := newKey(t)
	leaf, text := sign(t, template(t, name, a.Certificate.NotBefore, a.Certificate.NotAfter), a.Certificate, key, a.key)
	return &Authority{PEM: text, Certificate: leaf, key: key}
}

// template is what is signed for an authority.
func template(t testing.TB, name string, from, until time.Time) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// Server makes a certificate of a server that is reached as localhost and by loopback addresses.
func (a *Authority) Server(t testing.TB) Pair {
	t.Helper()
	return a.Issue(t, Wanted{
		CommonName: "server", DNS: []string{"localhost"}, IPs: []string{"127.0.0.1", "::1"},
		Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// Client makes a certificate of a client that w describes further.
func (a *Authority) Client(t testing.TB, w Wanted) Pair {
	t.Helper()
	w.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.Issue(t, w)
}

// Issue makes a certificate as wanted.
func (a *Authority) Issue(t testing.TB, w Wanted) Pair {
	t.Helper()
	if w.Until.IsZero() {
		w.Until = time.Now().Add(time.Hour)
	}
	if w.Lasting == 0 {
		w.Lasting = 2 * time.Hour
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: w.subject(), DNSNames: w.DNS,
		NotBefore: w.Until.Add(-w.Lasting), NotAfter: w.Until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: w.Usage,
	}
	if w.UnknownUsage {
		template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}} // to log in with a smart card
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

// subject names whom the certificate is for.
func (w Wanted) subject() pkix.Name {
	name := pkix.Name{CommonName: w.CommonName}
	if w.Organization != "" {
		name.Organization = []string{w.Organization}
	}
	if w.LastCommonName != "" {
		oid := asn1.ObjectIdentifier{2, 5, 4, 3} // in place of the field, which holds one
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oid, Value: w.CommonName}, {Type: oid, Value: w.LastCommonName}}
	}
	return name
}

// TLS gives the pair as a program presents it.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Write puts the pair into dir as name.pem and name.key, each there whole or not at all, and
// gives their paths.
func (p Pair) Write(t testing.TB, dir, name string) (certificate, key string) {
	t.Helper()
	certificate, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	Place(t, certificate, p.Certificate)
	Place(t, key, p.Key)
	return certificate, key
}

// Place puts text at path by a renaming, for its owner alone.
func Place(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Pool believes the authorities.
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

// Key gives the authority's own key, in PEM.
func (a *Authority) Key(t testing.TB) []byte { return encode(t, a.key) }

func encode(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
