package httpapi_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

// TestWrongHostsAreRefused, once the route is known.
func TestWrongHostsAreRefused(t *testing.T) {
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{AllowedHosts: []string{"vault.internal"}})})
	for host, status := range map[string]int{"localhost": 200, "vault.internal": 200, "evil.example": 421} {
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
	is.Equal(f.rawText("GET /api/whoami HTTP/1.0\r\n\r\n").status, 421) // without a host
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

const console = "https://console.example.org"

// TestPagesOfOtherSitesAreRefused for each method, even with a valid token.
func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{AllowedHosts: []string{"vault.internal"}, AllowedOrigins: []string{console}})})
	f.put(map[string]string{"newsbot/prod/db": "value"})
	for name, c := range map[string]struct {
		headers string // of the browser, divided by ";"
		good    bool
	}{
		"no browser":              {"", true},
		"its own page":            {"Sec-Fetch-Site: same-origin", true},
		"its own page, modern":    {"Sec-Fetch-Site: same-origin;Origin: http://vault.internal", true},
		"its own page, plain":     {"Origin: http://vault.internal", true},
		"typed by a person":       {"Sec-Fetch-Site: none", true},
		"another site":            {"Sec-Fetch-Site: cross-site;Origin: https://evil.example", false},
		"another site, no origin": {"Sec-Fetch-Site: cross-site", false},
		"a sister site":           {"Sec-Fetch-Site: same-site", false},
		"another site, plain":     {"Origin: http://evil.example", false},
		"another port":            {"Origin: http://vault.internal:1", false},
		"a sandbox":               {"Origin: null", false},
		"no URL":                  {"Origin: %", false},
		"an unknown word":         {"Sec-Fetch-Site: canary", false},
		"two words":               {"Sec-Fetch-Site: same-origin;Sec-Fetch-Site: cross-site", false},
		"two origins":             {"Origin: http://vault.internal;Origin: http://vault.internal", false},
		"an allowed site":         {"Sec-Fetch-Site: cross-site;Origin: " + console, true},
		"an allowed site, plain":  {"Origin: " + console, true},
		"an allowed site's name":  {"Origin: http://console.example.org", false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			headers := []string{"Host: vault.internal"}
			if c.headers != "" {
				headers = append(headers, strings.Split(c.headers, ";")...)
			}
			read := f.as("reader", "GET", "/api/secrets/newsbot/prod/db", "", headers...)
			written := f.as("writer", "POST", "/api/secrets/test", "", headers...)
			if c.good {
				is.Equal(read.status, 200)
				is.Equal(written.status, 200)
			} else {
				checkProblem(is, read)
				is.Equal(read.status, 403)
				is.Equal(written.status, 403)
			}
			is.Equal(f.do("GET", "/health", "", headers...).status, 200) // public
			is.Equal(read.header.Get("Access-Control-Allow-Origin") != "", strings.Contains(name, "allowed site") && c.good)
		})
	}
}

func TestPreflightsOfAllowedOriginsAlone(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{AllowedOrigins: []string{console}})})
	ask := func(origin string, more ...string) reply {
		return f.do("OPTIONS", "/api/secrets/newsbot/prod/db", "", append(more, "Origin: "+origin, "Access-Control-Request-Method: PATCH")...)
	}
	good := ask(console)
	is.Equal(good.status, 204)
	is.Equal(good.header.Get("Access-Control-Allow-Origin"), console)
	is.True(strings.Contains(good.header.Get("Access-Control-Allow-Methods"), "PATCH"))
	is.True(strings.Contains(good.header.Get("Access-Control-Allow-Headers"), "X-Token"))
	is.Equal(good.header.Get("Access-Control-Allow-Credentials"), "") // no client certificates of browsers
	is.Equal(good.header.Get("Vary"), "Origin")
	for _, refused := range []reply{ask("https://evil.example"), ask(console, "Origin: "+console), ask(console, "Host: evil.example")} {
		is.Equal(refused.status, 405)
		is.Equal(refused.header.Get("Access-Control-Allow-Methods"), "")
	}
	f = newFixture(t) // no CORS unless configured
	none := f.as("reader", "GET", "/api/whoami", "")
	for name := range none.header {
		is.True(!strings.HasPrefix(name, "Access-Control") && name != "Vary")
	}
	is.Equal(f.do("OPTIONS", "/api/whoami", "", "Origin: "+console).status, 405)
}
