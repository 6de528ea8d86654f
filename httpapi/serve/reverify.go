package serve

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// round returns the number of changes of the client authorities.
func (c *Certificates) round() uint64 {
	if c == nil {
		return 0
	}
	return c.current.Load().round
}

// reverify verifies client certificates of open connections again once the authorities have
// changed. Such a connection is closed after its next request. If the new authorities do
// not vouch for the certificate, that request has none.
func (c *Certificates) reverify(next http.Handler) http.Handler {
	if c == nil || c.files.ClientCA == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := c.current.Load()
		conn := connectionOf(r.Context())
		if conn != nil {
			conn.certificates, conn.verified = c, now.round
		}
		if conn == nil || conn.round != now.round {
			chains := now.verify(r.TLS)
			if chains == nil && c.files.ClientRequired {
				panic(http.ErrAbortHandler) // a new handshake would fail
			}
			state := *r.TLS
			state.VerifiedChains = chains
			verified := *r
			verified.TLS = &state
			r = &verified
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// outdated implements [Conn.Outdated].
func (c *connection) outdated(r *http.Request) bool {
	now := c.certificates.current.Load()
	if c.verified == now.round || len(r.TLS.VerifiedChains) == 0 {
		return false
	}
	if now.verify(r.TLS) == nil {
		return true
	}
	c.verified = now.round
	return false
}

// verify returns the chains from the client's certificate to the authorities, as a handshake
// would.
func (c *contents) verify(state *tls.ConnectionState) [][]*x509.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	options := x509.VerifyOptions{
		Roots: c.config.ClientCAs, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, intermediate := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	chains, err := state.PeerCertificates[0].Verify(options)
	if err != nil {
		return nil
	}
	return chains
}
