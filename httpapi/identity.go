package httpapi

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/tokens"
)

// login authenticates the caller: by exactly one X-Service and one X-Token; by a verified
// client certificate, with either, both or none of these headers; or by one Authorization
// with a bearer token and none of them. With a bearer token a certificate only counts if
// the token requires one.
//
// It never reads headers with similar names, such as X_Service, headers in which a proxy
// describes a certificate, nor an Authorization of another scheme, which a proxy may need.
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
	credentials := myvault.Credentials{Request: c.id, Remote: c.remote}
	if c.request.TLS != nil {
		credentials.VerifiedChains = c.request.TLS.VerifiedChains
	}
	if certified := len(credentials.VerifiedChains) > 0; certified || len(services) == 1 && len(secrets) == 1 {
		credentials.Service, credentials.Token = strings.Join(services, ""), strings.Join(secrets, "")
	}
	if len(credentials.Token) < minToken && serve.Exposed(c.request) {
		credentials.Token = "" // never valid, and takes as long to check as any wrong token
	}
	session, err := c.api.vault.Login(c.ctx, credentials)
	if err != nil {
		return nil, c.limited(err, credentials.Service)
	}
	return session, nil
}

// bearers returns the tokens of Authorization headers with the scheme Bearer. Beside one,
// another Authorization counts as a further token, with any scheme.
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

// loginByToken authenticates the caller by a capability token. Failures are counted by
// address: an invalid token names no service.
func (c *call) loginByToken(bearer string) (*myvault.Session, error) {
	if c.api.issuer == nil {
		err := c.api.extension.RecordFailedLogin(c.ctx, "capability", myvault.Credentials{Request: c.id, Remote: c.remote})
		return nil, c.limited(err, bearerFailures)
	}
	session, err := c.api.issuer.Login(c.ctx, tokens.Credentials{
		Bearer: bearer, Certificate: verified(c.request.TLS), Request: c.id, Remote: c.remote,
	})
	return session, c.limited(err, bearerFailures)
}

// bearerFailures counts failures of bearer tokens. It is not the name of any service.
const bearerFailures = "Authorization: Bearer"

// verified returns the verified client certificate of the connection, or nil.
func verified(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

// limited counts a failed log-in of err. It returns err, or a 429 if there were too many.
func (c *call) limited(err error, service string) error {
	if !errors.Is(err, myvault.ErrUnauthenticated) {
		return err
	}
	return cmp.Or(c.api.guard.LoginFailed(service, c.remote), err)
}
