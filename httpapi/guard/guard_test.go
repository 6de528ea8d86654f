package guard_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
		"an encoded probe": {"GET", "/vault%2fhealth", "evil.example", nil, 421, "misdirected", false},
		"POST to a probe":  {"POST", "/vault/health", "evil.example", nil, 421, "misdirected", false},
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

// TestRefusalsDoNotWaitForABody checks that a stranger who announces a body and sends none is
// answered, and that the connection ends.
func TestRefusalsDoNotWaitForABody(t *testing.T) {
	is := is.New(t)
	g, err := guard.New(guard.Config{})
	is.NoErr(err)
	s := httptest.NewServer(g.Handler(http.NotFoundHandler()))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	is.NoErr(err)
	defer c.Close()
	is.NoErr(c.SetDeadline(time.Now().Add(20 * time.Second)))
	_, err = c.Write([]byte("POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n"))
	is.NoErr(err)
	answer, err := io.ReadAll(c) // to the end of the connection
	is.NoErr(err)
	is.True(strings.HasPrefix(string(answer), "HTTP/1.1 421 "))
}
