package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// TLSSettings are the settings of HTTPS.
type TLSSettings struct {
	Certificate    string `env:"MYVAULT_TLS_CERT" help:"serve HTTPS with this PEM file of the certificate chain; reloaded when it changes"`
	CertificateKey string `env:"MYVAULT_TLS_KEY" help:"PEM file with the private key, which other users cannot read"`
	ClientCA       string `env:"MYVAULT_TLS_CLIENT_CA" help:"PEM file with the authorities of client certificates"`
	ClientRequired bool   `env:"MYVAULT_TLS_CLIENT_REQUIRED" help:"true: reject connections without a client certificate"`
	LeastTLS       string `env:"MYVAULT_TLS_MIN" envDefault:"1.3" help:"1.3, or 1.2 for old clients (1.3)"`
}

// certificates reads the files, or returns nil if HTTPS is not configured. If started is set, it
// does not open pipes again.
func (s TLSSettings) certificates(started bool) (*serve.Certificates, error) {
	versions := map[string]uint16{"1.3": tls.VersionTLS13, "1.2": tls.VersionTLS12}
	minVersion, known := versions[s.LeastTLS]
	configured := s.Certificate != "" || s.CertificateKey != "" || s.ClientCA != "" || s.ClientRequired
	names, err := s.fileSettings()
	errs := []error{err}
	if !known {
		errs = append(errs, errors.New("setting MYVAULT_TLS_MIN must be 1.2 or 1.3"))
	}
	if configured && (s.Certificate == "" || s.CertificateKey == "") {
		errs = append(errs, errors.New("HTTPS needs both MYVAULT_TLS_CERT and MYVAULT_TLS_KEY"))
	}
	if s.ClientRequired && s.ClientCA == "" {
		errs = append(errs, errors.New("MYVAULT_TLS_CLIENT_REQUIRED needs MYVAULT_TLS_CLIENT_CA, the authorities of client certificates"))
	}
	if err := errors.Join(errs...); err != nil || !configured {
		return nil, err
	}
	if started && stores.ReadableOnce(s.Certificate, s.CertificateKey, s.ClientCA) {
		return new(serve.Certificates), nil
	}
	certificates, err := serve.LoadCertificates(serve.CertificateFiles{
		Certificate: s.Certificate, Key: s.CertificateKey, ClientCA: s.ClientCA,
		ClientRequired: s.ClientRequired, MinVersion: minVersion,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", names, err)
	}
	return certificates, nil
}

// fileSettings returns the names of the settings with files, and an error for each file that does
// not exist. The errors omit the path, because a user may have put the key there by mistake.
func (s TLSSettings) fileSettings() (names string, err error) {
	var all []string
	var errs []error
	for _, f := range []struct{ setting, path string }{
		{"MYVAULT_TLS_CERT", s.Certificate}, {"MYVAULT_TLS_KEY", s.CertificateKey}, {"MYVAULT_TLS_CLIENT_CA", s.ClientCA},
	} {
		if f.path == "" {
			continue
		}
		all = append(all, f.setting)
		if _, err := os.Stat(f.path); err != nil {
			errs = append(errs, fmt.Errorf("setting %s: the file does not exist", f.setting))
		}
	}
	return strings.Join(all, ", "), errors.Join(errs...)
}

// scheme returns the URL scheme of the server.
func (s TLSSettings) scheme() string {
	if s.Certificate != "" {
		return "https"
	}
	return "http"
}

// reloadCertificates reloads the certificates on SIGHUP. Changes of their files are detected
// anyway.
func (r *reloader) reloadCertificates() {
	if r.certificates == nil {
		return
	}
	if err := r.certificates.Reload(); err != nil {
		r.logger.Error("the certificates are not reloaded; the previous ones stay in effect", "why", "SIGHUP", "cause", oneLine(err))
		return
	}
	r.logger.Info("the certificates are reloaded", "why", "SIGHUP")
}
