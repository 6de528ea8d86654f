package httpapi

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/myswiftagent/myvault"
)

// login proves who the caller is, from exactly one X-Service and one X-Token. Names that
// only look alike, such as X_Service, are never read.
func (c *call) login() (*myvault.Session, error) {
	services, tokens := c.request.Header["X-Service"], c.request.Header["X-Token"]
	if len(services) > 1 || len(tokens) > 1 {
		return nil, badRequest("X-Service or X-Token is given twice; give each once")
	}
	credentials := myvault.Credentials{Request: c.id, Remote: remote(c.request)}
	if len(services) == 1 && len(tokens) == 1 {
		credentials.Service, credentials.Token = services[0], tokens[0]
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

// remote gives the caller's network address without its port; the whole network of 64 bits
// for IPv6, where one caller has as many addresses as it likes.
func remote(r *http.Request) string {
	addrPort, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := addrPort.Addr().Unmap().WithZone("")
	if addr.Is4() || addr.IsLoopback() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}
