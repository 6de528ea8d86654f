package guard_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestHostsBeyondTheListAreRefused(t *testing.T) {
	g, err := guard.New(guard.Config{AllowedHosts: []string{"Vault.Internal", "192.0.2.7", "[2001:db8::7]"}})
	is.New(t).NoErr(err)
	for host, good := range map[string]bool{
		"localhost":              true,
		"LOCALHOST:8000":         true,
		"127.0.0.1":              true,
		"127.1.2.3:9":            true,
		"[::1]:8000":             true,
		"[::ffff:127.0.0.1]":     true,
		"vault.internal":         true,
		"vault.internal.:8000":   true,
		"192.0.2.7:80":           true,
		"[2001:db8::7]:443":      true,
		"192.0.2.8":              false,
		"evil.example":           false,
		"evil.example:8000":      false,
		"localhost.evil.example": false,
		"127.0.0.1.evil.example": false,
		"[2001:db8::8]":          false,
		"0.0.0.0":                false,
		"":                       false,
	} {
		t.Run(host, func(t *testing.T) {
			is := is.New(t)
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = host
			is.Equal(g.CheckHost(r) == nil, good)
		})
	}
}

func TestTheAddressThatTheConnectionCameToIsAllowed(t *testing.T) {
	is := is.New(t)
	g, err := guard.New(guard.Config{})
	is.NoErr(err)
	arrivedAt := func(ip, host string) bool {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		local := &net.TCPAddr{IP: net.ParseIP(ip), Port: 8000}
		return g.CheckHost(r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))) == nil
	}
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.1:8000"), true)
	is.Equal(arrivedAt("::ffff:192.0.2.1", "192.0.2.1"), true)
	is.Equal(arrivedAt("2001:db8::1", "[2001:db8::1]:8000"), true)
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.2"), false)
	is.Equal(arrivedAt("192.0.2.1", "evil.example"), false)
}
