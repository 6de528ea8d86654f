package vaultapi

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/tokens"
)

// identity is what a caller authenticated with.
type identity struct {
	presented string       // the token, only to repeat it to its holder
	token     tokens.Token // the zero Token: a shared token
}

// bearerFailures counts failures of tokens that name no service, together with those of package
// httpapi. It is not the name of any service.
const bearerFailures = "Authorization: Bearer"

// login authenticates the caller by its token: "service:token", or a capability token. Without a
// token, a client certificate is enough, as for package httpapi.
func (c *call) login() error {
	presented, err := c.presentedToken()
	if err != nil {
		return err
	}
	c.identity.presented = presented
	if service, token, shared := strings.Cut(presented, ":"); shared || presented == "" {
		c.session, err = c.loginShared(service, token)
	} else {
		c.session, c.identity.token, err = c.loginCapability(presented)
	}
	if err != nil {
		return err
	}
	c.conn.Authenticated(c.service())
	return nil
}

// presentedToken returns the token of X-Vault-Token or, as a real Vault accepts it, of
// Authorization: Bearer. "": there is none.
func (c *call) presentedToken() (string, error) {
	given := c.request.Header["X-Vault-Token"]
	for _, header := range c.request.Header["Authorization"] {
		if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "bearer") {
			given = append(given, token)
		}
	}
	if len(given) > 1 {
		return "", refuse(http.StatusBadRequest, "more than one token: send X-Vault-Token once")
	}
	return strings.Join(given, ""), nil
}

func (c *call) loginShared(service, token string) (*myvault.Session, error) {
	credentials := myvault.Credentials{
		Service: service, Token: request.Token(c.request, token), Request: c.id, Remote: c.remote(),
	}
	if c.request.TLS != nil {
		credentials.VerifiedChains = c.request.TLS.VerifiedChains
	}
	session, err := c.api.vault.Login(c.ctx, credentials)
	return session, c.limited(err, service)
}

func (c *call) loginCapability(bearer string) (*myvault.Session, tokens.Token, error) {
	session, token, err := c.api.issuer.LoginToken(c.ctx, c.bearer(bearer))
	return session, token, c.limited(err, bearerFailures)
}

// bearer returns the credentials of a capability token.
func (c *call) bearer(token string) tokens.Credentials {
	return tokens.Credentials{Bearer: token, Certificate: request.Certificate(c.request), Request: c.id, Remote: c.remote()}
}

// limited counts a failed log-in of err. It returns err, or a 429 if there were too many.
func (c *call) limited(err error, service string) error {
	if !errors.Is(err, myvault.ErrUnauthenticated) {
		return err
	}
	return cmp.Or(c.api.config.Guard.LoginFailed(service, c.remote()), err)
}

// service returns the authenticated service, or "".
func (c *call) service() string {
	if c.session == nil {
		return ""
	}
	return c.session.Service()
}
