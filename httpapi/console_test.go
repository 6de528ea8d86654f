package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	pages "github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/providers/memory"
)

// withConsole returns an API whose console answers with the path of the request.
func withConsole(t *testing.T, logs io.Writer) *httpapi.Handler {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { _ = vault.Close() })
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.URL.Path)
	})
	handler, err := httpapi.New(vault, httpapi.Config{Console: files, Logger: slog.New(slog.NewTextHandler(logs, nil))})
	is.NoErr(err)
	return handler
}

func TestConsole(t *testing.T) {
	for _, c := range []struct {
		method, target, host string
		status               int
		in                   string // is in the body or, of a redirect, the location
	}{
		{"GET", "/console/", "localhost", 418, "/"},
		{"GET", "/console/app.js", "localhost", 418, "/app.js"},
		{"HEAD", "/console/app.js", "127.0.0.1:8000", 418, ""},
		{"GET", "/console/no/such%20file", "localhost", 418, "/no/such file"},
		{"GET", "/console", "localhost", 303, "/console/"},
		{"POST", "/console/app.js", "localhost", 405, "detail"},
		{"GET", "/console/", "evil.example", 421, "detail"}, // a page that points its own name at us
		{"GET", "/consoles/", "localhost", 404, "detail"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			is := is.New(t)
			logs := &servertest.Log{}
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Host = c.host
			w := httptest.NewRecorder()
			withConsole(t, logs).ServeHTTP(w, r)
			is.Equal(w.Code, c.status)
			is.True(strings.Contains(w.Body.String()+w.Header().Get("Location"), c.in))
			is.True(w.Header().Get("X-Request-Id") != "")
			is.True(strings.Contains(logs.String(), fmt.Sprintf("status=%d", c.status)))
			is.True(!strings.Contains(logs.String(), "such")) // the pattern, not the path
		})
	}
}

// TestABrowserIsSentToTheConsole if there is one. Programs get the greeting.
func TestABrowserIsSentToTheConsole(t *testing.T) {
	is := is.New(t)
	handler := recorded(t, withConsole(t, io.Discard), false)
	ask := func(accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "localhost"
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := ask("text/html,application/xhtml+xml,*/*;q=0.8")
	is.Equal(w.Code, http.StatusSeeOther)
	is.Equal(w.Header().Get("Location"), "/console/")
	is.Equal(ask("*/*").Code, http.StatusOK)
}

// TestTheConsoleBehindAnother handler: what that one did to the answer stays, and it
// reaches the connection's own writer.
func TestTheConsoleBehindAnother(t *testing.T) {
	is := is.New(t)
	deadline := errors.New("not asked")
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		w.Header().Set("Vary", "Origin")
		pages.New().ServeHTTP(w, r)
	})
	f := serveOn(t, newStore(t), httpapi.Config{Console: files})
	r := f.do("GET", "/console/", "")
	is.Equal(r.status, 200)
	is.Equal(r.header.Values("Vary"), []string{"Origin", "Accept-Encoding"})
	is.NoErr(deadline)
}

// TestWithoutAConsole there is no such path, and a browser gets the greeting.
func TestWithoutAConsole(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.do("GET", "/console/", "").status, http.StatusNotFound)
	is.Equal(f.do("GET", "/", "", "Accept: text/html").status, http.StatusOK)
}
