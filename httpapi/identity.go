package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
)

// login proves who the caller is, from exactly one X-Service and one X-Token, or from a client
// certificate that was verified; with that, either header may be missing. Names that only look
// alike, such as X_Service, are never read, nor headers in which a proxy may tell of a certificate.
func (c *call) login() (*myvault.Session, error) {
	services, tokens := c.request.Header["X-Service"], c.request.Header["X-Token"]
	if len(services) > 1 || len(tokens) > 1 {
		return nil, badRequest("X-Service or X-Token is given twice; give each once")
	}
	credentials := myvault.Credentials{Request: c.id, Remote: c.api.forwarders.remote(c.request)}
	if c.request.TLS != nil {
		credentials.VerifiedChains = c.request.TLS.VerifiedChains
	}
	if certified := len(credentials.VerifiedChains) > 0; certified || len(services) == 1 && len(tokens) == 1 {
		credentials.Service, credentials.Token = strings.Join(services, ""), strings.Join(tokens, "")
	}
	session, err := c.api.vault.Login(c.ctx(), credentials)
	if errors.Is(err, myvault.ErrUnauthenticated) && c.api.failures.exceed(credentials.Service, credentials.Remote) {
		return nil, &problem{
			status: http.StatusTooManyRequests,
			detail: "too many failed log-ins; correct X-Service and X-Token, a correct pair passes at once",
			retry:  c.api.failures.retryAfter(),
		}
	}
	return session, err
}
