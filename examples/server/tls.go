package main

import (
	"crypto/tls"
	"errors"

	"github.com/myswiftagent/myvault/httpapi"
)

// TLSSettings are those of HTTPS.
type TLSSettings struct {
	Certificate    string `env:"MYVAULT_TLS_CERT" help:"serve HTTPS: a PEM file with the certificate and those that lead to its authority; read again when it changes"`
	CertificateKey string `env:"MYVAULT_TLS_KEY" help:"a PEM file with its key, that others cannot read"`
	ClientCA       string `env:"MYVAULT_TLS_CLIENT_CA" help:"a PEM file with the authorities of client certificates"`
	ClientRequired bool   `env:"MYVAULT_TLS_CLIENT_REQUIRED" help:"true: no connection without a client certificate"`
	LeastTLS       string `env:"MYVAULT_TLS_MIN" envDefault:"1.3" help:"1.3, or 1.2 for old clients (1.3)"`
}

// certificates reads the files; nil where HTTPS is not wanted.
func (s TLSSettings) certificates() (*httpapi.Certificates, error) {
	versions := map[string]uint16{"1.3": tls.VersionTLS13, "1.2": tls.VersionTLS12}
	least, known := versions[s.LeastTLS]
	switch {
	case !known:
		return nil, errors.New("setting MYVAULT_TLS_MIN is neither 1.2 nor 1.3")
	case s.Certificate == "" && s.CertificateKey == "" && s.ClientCA == "" && !s.ClientRequired:
		return nil, nil
	case s.Certificate == "" || s.CertificateKey == "":
		return nil, errors.New("HTTPS needs both MYVAULT_TLS_CERT and MYVAULT_TLS_KEY")
	}
	return httpapi.LoadCertificates(httpapi.CertificateFiles{
		Certificate: s.Certificate, Key: s.CertificateKey, ClientCA: s.ClientCA,
		ClientRequired: s.ClientRequired, MinVersion: least,
	})
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
