package serve_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
)

// TestExposed covers requests that did not come through Serve. A request whose local address is
// unknown counts as exposed.
func TestExposed(t *testing.T) {
	for name, c := range map[string]struct {
		local any
		want  bool
	}{
		"loopback":      {&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, false},
		"beyond":        {&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, true},
		"no address":    {nil, true},
		"another type":  {"127.0.0.1", true},
		"a nil address": {net.Addr(nil), true},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := httptest.NewRequest("GET", "/", nil)
			if c.local != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.local))
			}
			is.Equal(serve.Exposed(r), c.want)
		})
	}
}

// TestZeroConn checks that the Conn of a request of another server does nothing.
func TestZeroConn(t *testing.T) {
	is := is.New(t)
	conn := serve.ConnOf(t.Context())
	is.Equal(conn, serve.Conn{})
	conn.Authenticated("newsbot")
	conn.Wait()
	conn.Resume()
	_, reads := any(conn).(io.Reader)
	is.True(!reads) // a handler does not touch the connection itself
}
