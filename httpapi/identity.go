package httpapi

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

// login proves who the caller is: from exactly one X-Service and one X-Token, or from a client
// certificate that was verified, with which either header may be missing; or from one Authorization with a
// bearer token, never from that and the headers. Beside a bearer token a certificate only counts for what
// the token wants. Names that only look alike, such as X_Service, are never read, nor headers in which a
// proxy may tell of a certificate, nor an Authorization of another scheme, which a proxy may need.
func (c *call) login() (*myvault.Session, error) {
	services, secrets := c.request.Header["X-Service"], c.request.Header["X-Token"]
	bearers := c.bearers()
	if len(services) > 1 || len(secrets) > 1 || len(bearers) > 1 {
		return nil, badRequest("duplicate X-Service, X-Token or Authorization: send each once")
	}
	if len(bearers) == 1 {
		if len(services)+len(secrets) > 0 {
			return nil, badRequest("bearer token beside X-Service or X-Token: send one identity")
		}
		return c.loginByToken(bearers[0])
	}
	credentials := myvault.Credentials{Request: c.id, Remote: c.remote()}
	if c.request.TLS != nil {
		credentials.VerifiedChains = c.request.TLS.VerifiedChains
	}
	if certified := len(credentials.VerifiedChains) > 0; certified || len(services) == 1 && len(secrets) == 1 {
		credentials.Service, credentials.Token = strings.Join(services, ""), c.token(strings.Join(secrets, ""))
	}
	session, err := c.api.vault.Login(c.ctx(), credentials)
	return session, c.limited(err, credentials.Service)
}

// bearers gives the token of an Authorization with that scheme. One beside another Authorization of
// any scheme is two, as it is beside another of its own.
func (c *call) bearers() (found []string) {
	all := c.request.Header["Authorization"]
	for _, header := range all {
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "bearer") {
			found = append(found, token)
		}
	}
	if len(found) > 0 && len(all) > len(found) {
		found = append(found, "")
	}
	return found
}

// loginByToken is login by a capability token. Failures of one address count together: a
// token that is wrong is nobody's.
func (c *call) loginByToken(bearer string) (*myvault.Session, error) {
	from := c.remote()
	if c.api.issuer == nil {
		err := c.api.vault.RecordFailedLogin("capability", myvault.Credentials{Request: c.id, Remote: from})
		return nil, c.limited(err, bearerFailures)
	}
	session, err := c.api.issuer.Login(c.ctx(), tokens.Credentials{
		Bearer: bearer, Certificate: verified(c.request.TLS), Request: c.id, Remote: from,
	})
	return session, c.limited(err, bearerFailures)
}

// remote gives the network address that the request came from, for counting failures and for the trail.
func (c *call) remote() string {
	if c.from == "" {
		c.from = c.api.guard.Remote(c.request)
	}
	return c.from
}

// bearerFailures stands for a service where failures are counted; no service has the name.
const bearerFailures = "Authorization: Bearer"

// verified gives the client certificate of the connection, if it was verified.
func verified(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

// limited counts a failed log-in, and answers 429 for one too many.
func (c *call) limited(err error, service string) error {
	if !errors.Is(err, myvault.ErrUnauthenticated) {
		return err
	}
	return cmp.Or(c.api.guard.LoginFailed(service, c.remote()), err)
}
