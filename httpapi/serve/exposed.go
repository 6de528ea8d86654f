package serve

import (
	"context"
	"net"
	"net/http"
)

// exposedKey marks the context of the requests that a listener beyond loopback accepted.
type exposedKey struct{}

// baseContext is [http.Server.BaseContext].
func baseContext(l net.Listener) context.Context {
	return context.WithValue(context.Background(), exposedKey{}, !IsLocal(l.Addr()))
}

// Exposed reports whether other machines can reach the address that r came to. For a server
// that was not made by [Serve], whose listener is unknown, the connection's own address
// decides. If that is unknown too, Exposed returns true.
func Exposed(r *http.Request) bool {
	if exposed, known := r.Context().Value(exposedKey{}).(bool); known {
		return exposed
	}
	addr, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !known || !IsLocal(addr)
}
