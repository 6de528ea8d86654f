package httpapi_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestHostsBeyondTheListAreRefused(t *testing.T) {
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{AllowedHosts: []string{"Vault.Internal", "192.0.2.7", "[2001:db8::7]"}})})
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
			for _, path := range []string{"/openapi.json", "/", "/api/whoami"} {
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
	is.Equal(f.rawText("GET /api/whoami HTTP/1.0\r\n\r\n").status, 421) // no host at all
}

// TestProbesChooseNeitherHostNorQuery: balancers and orchestrators send their own, and learn
// nothing beyond the status.
func TestProbesChooseNeitherHostNorQuery(t *testing.T) {
	f := newFixture(t)
	for path, body := range map[string]string{"/health": `{"status":"healthy","service":"myVault"}`, "/ready": `{"status":"ready"}`} {
		for _, head := range []string{
			" HTTP/1.0\r\n", " HTTP/1.1\r\nHost: 10.2.3.4:8000\r\n", " HTTP/1.1\r\nHost: evil.example\r\n", " HTTP/1.1\r\nHost:\r\n",
			"?probe=1 HTTP/1.0\r\n", "?probe=1&probe=2&x= HTTP/1.1\r\nHost: 10.2.3.4:8000\r\n", "?%zz HTTP/1.0\r\n",
			" HTTP/1.0\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nX-Token: wrong\r\n",
		} {
			t.Run(path+head, func(t *testing.T) {
				is := is.New(t)
				r := f.rawText("GET " + path + head + "\r\n")
				is.Equal(r.status, 200)
				is.Equal(r.header.Get("Access-Control-Allow-Origin"), "")
				is.Equal(strings.TrimSpace(r.body), body)
			})
		}
	}
}

func TestTheAddressThatTheConnectionCameToIsAllowed(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	arrivedAt := func(ip, host string) int {
		r := newRequest("GET", "/openapi.json")
		r.Host = host
		return record(f.handler, r.WithContext(contextWithLocalAddr(r, ip))).Code
	}
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.1:8000"), 200)
	is.Equal(arrivedAt("::ffff:192.0.2.1", "192.0.2.1"), 200)
	is.Equal(arrivedAt("2001:db8::1", "[2001:db8::1]:8000"), 200)
	is.Equal(arrivedAt("192.0.2.1", "192.0.2.2"), 421)
	is.Equal(arrivedAt("192.0.2.1", "evil.example"), 421)
}
