package serve

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// round counts the changes of the authorities of clients.
func (c *Certificates) round() uint64 {
	if c == nil {
		return 0
	}
	return c.current.Load().round
}

// recheck holds the client certificates of connections that were open when the authorities
// changed to the new ones. Such a connection ends with its next request, whose certificate is
// verified anew: if the new authorities do not stand for it, it counts for nothing.
func (c *Certificates) recheck(next http.Handler) http.Handler {
	if c == nil || c.files.ClientCA == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := c.current.Load()
		if came := ConnOf(r.Context()); came == nil || came.round != now.round {
			chains := now.verify(r.TLS)
			if chains == nil && c.files.ClientRequired {
				panic(http.ErrAbortHandler) // as its handshake would end now
			}
			state := *r.TLS
			state.VerifiedChains = chains
			again := *r
			again.TLS = &state
			r = &again
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// verify gives the chains from the client's certificate to the authorities, as a handshake would.
func (c *certified) verify(state *tls.ConnectionState) [][]*x509.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	options := x509.VerifyOptions{
		Roots: c.config.ClientCAs, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, between := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(between)
	}
	chains, err := state.PeerCertificates[0].Verify(options)
	if err != nil {
		return nil
	}
	return chains
}
