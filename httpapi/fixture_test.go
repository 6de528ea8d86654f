package httpapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/tokens"
)

// Tokens of the services in settings.
const (
	adminToken  = "admin-token-0123456789"
	readerToken = "reader-token-0123456789"
	writerToken = "writer-token-0123456789"
)

// settings are a policy with one who may all, one who may read and list a part, and one who
// may write without reading.
var settings = map[string]string{
	"ALLOWED_SERVICES": "admin,reader,writer",
	"TOKEN_admin":      adminToken,
	"TOKEN_reader":     readerToken,
	"TOKEN_writer":     writerToken,
	"ALLOW_admin":      "*/@read+write+delete+list+destroy+audit",
	"ALLOW_reader":     "newsbot/prod/@read+list",
	"ALLOW_writer":     "newsbot/prod/@write+destroy",
}

// fixture is a served vault.
type fixture struct {
	t       *testing.T
	vault   *myvault.Vault
	handler *httpapi.Handler
	url     string
	client  *http.Client // its connections are not those of other servers, whose end would break them
	logs    *servertest.Log
}

// newFixture returns an empty vault under settings, served on loopback.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	return serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 10_000})})
}

func serveOn(t *testing.T, s store, config httpapi.Config) *fixture {
	t.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := s.vault(policy, myvault.ReadsStrict)
	if err != nil {
		t.Fatal(err)
	}
	logs := &servertest.Log{}
	config.Logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})) // with probes
	if config.Tokens, err = tokens.New(vault, tokens.Config{}); err != nil {
		t.Fatal(err)
	}
	handler, err := httpapi.New(vault, config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(recorded(t, handler, s.faults))
	t.Cleanup(func() {
		server.Close()
		if err := vault.Close(); err != nil {
			t.Error(err)
		}
	})
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fixture{t: t, vault: vault, handler: handler, url: server.URL, client: client, logs: logs}
}

// put stores values as admin, by "project/path".
func (f *fixture) put(values map[string]string) {
	f.t.Helper()
	for at, value := range values {
		addr, err := myvault.ParseAddress(at)
		if err == nil {
			_, err = f.vault.As("admin").Put(f.t.Context(), addr, myvault.Text(value))
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// reply is an answer, read to its end; send checks the newline there and takes it off the body.
type reply struct {
	status int
	header http.Header
	body   string
}

// as calls as a service; headers are pairs "Name: value".
func (f *fixture) as(service, method, path, body string, headers ...string) reply {
	f.t.Helper()
	token := map[string]string{"admin": adminToken, "reader": readerToken, "writer": writerToken}[service]
	return f.do(method, path, body, append([]string{"X-Service: " + service, "X-Token: " + token}, headers...)...)
}

func (f *fixture) do(method, path, body string, headers ...string) reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return reply{}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
		}
		if name == "Content-Type" {
			r.Header.Set(name, value)
		}
	}
	return f.send(r)
}

// send may be called from any goroutine: it marks the test as failed and does not end it.
func (f *fixture) send(r *http.Request) reply {
	f.t.Helper()
	response, err := f.client.Do(r)
	if err != nil {
		f.t.Error(err)
		return reply{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Error(err)
	}
	body, ended := strings.CutSuffix(string(text), "\n")
	if body != "" && !ended && strings.Contains(response.Header.Get("Content-Type"), "json") {
		f.t.Errorf("an answer does not end its line: %.60q", body)
	}
	return reply{response.StatusCode, response.Header, body}
}

// object reads the answer as one JSON object.
func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("no object: %v in %q", err, r.body)
	}
	return m
}

// array reads the answer as an array of objects.
func (r reply) array(t *testing.T) []map[string]any {
	t.Helper()
	var a []map[string]any
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("no array: %v in %q", err, r.body)
	}
	return a
}

// checkProblem holds an error to its form.
func checkProblem(is *is.I, r reply) {
	is.Helper()
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	is.NoErr(json.Unmarshal([]byte(r.body), &p))
	is.Equal(r.header.Get("Content-Type"), "application/problem+json")
	is.Equal(p.Type, "about:blank")
	is.Equal(p.Status, r.status)
	is.Equal(p.Title, http.StatusText(r.status))
	is.True(p.Detail != "") // says what to do
	is.True(p.Code != "")   // says what it is
}

// quote writes s as JSON.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// with returns settings with changes.
func with(changes map[string]string) map[string]string {
	changed := maps.Clone(settings)
	maps.Copy(changed, changes)
	return changed
}

// newRequest returns a request as a server on loopback gets it.
func newRequest(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost"
	return r
}

func record(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func isErr(is *is.I, err, target error) {
	is.Helper()
	is.True(errors.Is(err, target))
}

func newGuard(t *testing.T, config guard.Config) *guard.Guard {
	t.Helper()
	g, err := guard.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
