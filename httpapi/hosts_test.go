package httpapi_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
)

func TestHostsBeyondTheListAreRefused(t *testing.T) {
	f := serveOn(t, newStore(t), httpapi.Config{AllowedHosts: []string{"Vault.Internal", "192.0.2.7", "[2001:db8::7]"}})
	for host, status := range map[string]int{
		"localhost":              200,
		"LOCALHOST:8000":         200,
		"127.0.0.1":              200,
		"127.1.2.3:9":            200,
		"[::1]:8000":             200,
		"[::ffff:127.0.0.1]":     200,
		"vault.internal":         200,
		"vault.internal.:8000":   200,
		"192.0.2.7:80":           200,
		"[2001:db8::7]:443":      200,
		"192.0.2.8":              421,
		"evil.example":           421,
		"evil.example:8000":      421,
		"localhost.evil.example": 421,
		"127.0.0.1.evil.example": 421,
		"[2001:db8::8]":          421,
		"0.0.0.0":                421,
	} {
		t.Run(host, func(t *testing.T) {
			is := is.New(t)
			for _, path := range []string{"/health", "/", "/api/whoami"} {
				r := f.as("reader", "GET", path, "", "Host: "+host)
				is.Equal(r.status, status)
				if status == 421 {
					checkProblem(is, r)
				}
			}
			is.Equal(f.as("reader", "GET", "/nothing", "", "Host: "+host).status, 404)
		})
	}
	is := is.New(t)
	is.Equal(f.rawText("GET /health HTTP/1.0\r\n\r\n").status, 421) // no host at all
}

func TestTheAddressThatTheConnectionCameToIsAllowed(t *testing.T) {
	is := is.New(t)
	f := serve(t)
	arrivedAt := func(ip, host string) int {
		r := newRequest("GET", "/health")
		r.Host = host
		return record(f.handler, r.WithContext(contextWithLocalAddr(r, ip))).Code
	}
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.1:8000"), 200)
	is.Equal(arrivedAt("::ffff:192.0.2.1", "192.0.2.1"), 200)
	is.Equal(arrivedAt("2001:db8::1", "[2001:db8::1]:8000"), 200)
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.2"), 421)
	is.Equal(arrivedAt("192.0.2.1", "evil.example"), 421)
}
