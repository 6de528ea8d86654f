package httpapi

import (
	"context"
	"net"
	"net/http"
)

// leastToken is the length in bytes from which a token may log in beyond loopback. [CheckPolicy]
// cannot see the length of a token that the policy holds as its digest.
const leastToken = 16

// exposedKey marks the context of the requests that a listener beyond loopback accepted.
type exposedKey struct{}

// baseContext is [http.Server.BaseContext].
func baseContext(l net.Listener) context.Context {
	return context.WithValue(context.Background(), exposedKey{}, !local(l.Addr()))
}

// exposed reports whether other machines reach the address that the request came to. A server that
// was not made by Serve may not know what it listens on; there the connection's own address
// decides.
func exposed(r *http.Request) bool {
	if beyond, known := r.Context().Value(exposedKey{}).(bool); known {
		return beyond
	}
	addr, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return known && !local(addr)
}

// token returns the token that the caller presented, or none if it is too short for this address:
// no token logs in, at the price of any wrong one.
func (c *call) token(presented string) string {
	if len(presented) < leastToken && exposed(c.request) {
		return ""
	}
	return presented
}
