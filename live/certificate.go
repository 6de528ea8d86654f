package live

import "crypto/tls"

// GetCertificate returns the function for [tls.Config] of a server. Each handshake uses the
// certificate of the current set.
func (l *Live[T]) GetCertificate(of func(*T) *tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return of(l.Load()), nil }
}

// GetClientCertificate is [Live.GetCertificate] for a client.
func (l *Live[T]) GetClientCertificate(of func(*T) *tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return of(l.Load()), nil }
}
