package guard_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, config := range map[string]guard.Config{
		"negative failures": {FailuresPerMinute: -1},
		"host with port":    {AllowedHosts: []string{"vault:8000"}},
		"host with scheme":  {AllowedHosts: []string{"https://vault"}},
		"host as wildcard":  {AllowedHosts: []string{"*.internal"}},
		"empty host":        {AllowedHosts: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := guard.New(config)
			is.True(errors.Is(err, myvault.ErrInvalid))
		})
	}
}

// TestHandler puts a handler that is no API behind the guard.
func TestHandler(t *testing.T) {
	const site = "https://console.example.org"
	g, err := guard.New(guard.Config{AllowedHosts: []string{"vault.example.org"}, AllowedOrigins: []string{site}})
	is.New(t).NoErr(err)
	handler := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "/vault/health")
	for name, c := range map[string]struct {
		method, path, host string
		headers            http.Header
		status             int
		code               string
		readable           bool // by a page of the allowed site
	}{
		"its host":         {"GET", "/vault/x", "vault.example.org", nil, 200, "", false},
		"another host":     {"GET", "/vault/x", "evil.example", nil, 421, "misdirected", false},
		"a probe":          {"GET", "/vault/health", "10.2.3.4:8000", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200, "", false},
		"another site":     {"GET", "/vault/x", "localhost", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, "foreign_origin", false},
		"the allowed site": {"POST", "/vault/x", "localhost", http.Header{"Origin": {site}}, 200, "", true},
		"its preflight":    {"OPTIONS", "/vault/x", "localhost", http.Header{"Origin": {site}}, 204, "", true},
		"both are wrong":   {"GET", "/vault/x", "evil.example", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 421, "misdirected", false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r, w := httptest.NewRequest(c.method, c.path, nil), httptest.NewRecorder()
			r.Host = c.host
			for header, values := range c.headers {
				r.Header[header] = values
			}
			handler.ServeHTTP(w, r)
			is.Equal(w.Code, c.status)
			is.Equal(w.Header().Get("Access-Control-Allow-Origin") != "", c.readable)
			if c.code == "" {
				return
			}
			var body struct{ Code, Detail string }
			is.NoErr(json.Unmarshal(w.Body.Bytes(), &body))
			is.Equal(body.Code, c.code)
			is.True(body.Detail != "")
			is.Equal(w.Header().Get("Content-Type"), "application/problem+json")
			is.Equal(w.Header().Get("Cache-Control"), "no-store")
		})
	}
}
