package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/myswiftagent/myvault/examples/internal/stores"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// TLSSettings are those of HTTPS.
type TLSSettings struct {
	Certificate    string `env:"MYVAULT_TLS_CERT" help:"serve HTTPS: a PEM file with the certificate and those that lead to its authority; read again when it changes"`
	CertificateKey string `env:"MYVAULT_TLS_KEY" help:"a PEM file with its key, that others cannot read"`
	ClientCA       string `env:"MYVAULT_TLS_CLIENT_CA" help:"a PEM file with the authorities of client certificates"`
	ClientRequired bool   `env:"MYVAULT_TLS_CLIENT_REQUIRED" help:"true: no connection without a client certificate"`
	LeastTLS       string `env:"MYVAULT_TLS_MIN" envDefault:"1.3" help:"1.3, or 1.2 for old clients (1.3)"`
}

// certificates reads the files; nil where HTTPS is not wanted. Pipes that a server read when it
// started are not opened again.
func (s TLSSettings) certificates(started bool) (*serve.Certificates, error) {
	versions := map[string]uint16{"1.3": tls.VersionTLS13, "1.2": tls.VersionTLS12}
	least, known := versions[s.LeastTLS]
	wanted := s.Certificate != "" || s.CertificateKey != "" || s.ClientCA != "" || s.ClientRequired
	names, err := s.named()
	wrong := []error{err}
	if !known {
		wrong = append(wrong, errors.New("setting MYVAULT_TLS_MIN is neither 1.2 nor 1.3"))
	}
	if wanted && (s.Certificate == "" || s.CertificateKey == "") {
		wrong = append(wrong, errors.New("HTTPS needs both MYVAULT_TLS_CERT and MYVAULT_TLS_KEY"))
	}
	if s.ClientRequired && s.ClientCA == "" {
		wrong = append(wrong, errors.New("MYVAULT_TLS_CLIENT_REQUIRED needs MYVAULT_TLS_CLIENT_CA, the authorities of client certificates"))
	}
	if err := errors.Join(wrong...); err != nil || !wanted {
		return nil, err
	}
	if started && stores.Once(s.Certificate, s.CertificateKey, s.ClientCA) {
		return new(serve.Certificates), nil
	}
	certificates, err := serve.LoadCertificates(serve.CertificateFiles{
		Certificate: s.Certificate, Key: s.CertificateKey, ClientCA: s.ClientCA,
		ClientRequired: s.ClientRequired, MinVersion: least,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", names, err)
	}
	return certificates, nil
}

// named returns the settings that name a file, and an error for each whose file is not there. Its
// path is not shown: it may be the key itself.
func (s TLSSettings) named() (names string, err error) {
	var all []string
	var wrong []error
	for _, f := range []struct{ setting, path string }{
		{"MYVAULT_TLS_CERT", s.Certificate}, {"MYVAULT_TLS_KEY", s.CertificateKey}, {"MYVAULT_TLS_CLIENT_CA", s.ClientCA},
	} {
		if f.path == "" {
			continue
		}
		all = append(all, f.setting)
		if _, err := os.Stat(f.path); err != nil {
			wrong = append(wrong, fmt.Errorf("setting %s names no file that is there", f.setting))
		}
	}
	return strings.Join(all, ", "), errors.Join(wrong...)
}

// scheme is how the server is reached.
func (s TLSSettings) scheme() string {
	if s.Certificate != "" {
		return "https"
	}
	return "http"
}

// reloadCertificates reads them at a hangup; that their files changed is noticed without.
func (r *reloader) reloadCertificates() {
	if r.certificates == nil {
		return
	}
	if err := r.certificates.Reload(); err != nil {
		r.logger.Error("the certificates are not reloaded, and those before stay in force", "why", "SIGHUP", "cause", oneLine(err))
		return
	}
	r.logger.Info("the certificates are reloaded", "why", "SIGHUP")
}
