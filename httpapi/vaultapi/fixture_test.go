package vaultapi_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

// settings are a policy with one service that may do everything, one that reads and lists a part,
// one that reads only, and one that writes without reading.
var settings = map[string]string{
	"ALLOWED_SERVICES": "admin,lister,reader,writer",
	"TOKEN_admin":      "admin-token-0123456789",
	"TOKEN_lister":     "lister-token-0123456789",
	"TOKEN_reader":     "reader-token-0123456789",
	"TOKEN_writer":     "writer-token-0123456789",
	"ALLOW_admin":      "*/@read+write+delete+list+destroy+audit",
	"ALLOW_lister":     "newsbot/prod/@read+list",
	"ALLOW_reader":     "newsbot/prod/@read",
	"ALLOW_writer":     "newsbot/prod/@write",
}

// token returns the X-Vault-Token of a service.
func token(service string) string { return service + ":" + settings["TOKEN_"+service] }

// lines is a log that requests write while the test reads.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fixture is a served vault with both APIs.
type fixture struct {
	t       *testing.T
	vault   *myvault.Vault
	handler http.Handler
	url     string
	logs    *lines
}

// newFixture serves an empty vault, in memory or over the provider of MYVAULT_TEST_PROVIDER.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	if os.Getenv("MYVAULT_TEST_PROVIDER") != "sqlite" {
		return serveOn(t, memory.New(memory.Config{}))
	}
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, store)
}

func serveOn(t *testing.T, provider myvault.Provider) *fixture {
	t.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(provider, policy, myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = vault.Close() })
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{FailuresPerMinute: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	logs := &lines{}
	logger := slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	api, err := httpapi.New(vault, httpapi.Config{Logger: logger, Guard: g, Tokens: issuer})
	if err != nil {
		t.Fatal(err)
	}
	kv, err := vaultapi.New(vault, issuer, vaultapi.Config{Logger: logger, Guard: g, Lease: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(kv.Beside(api))
	t.Cleanup(server.Close)
	return &fixture{t: t, vault: vault, handler: kv.Beside(api), url: server.URL, logs: logs}
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// as sends a request of a service, or without a token if it is "". Path is below /v1/.
func (f *fixture) as(service, method, path, body string, headers ...string) reply {
	f.t.Helper()
	if service != "" {
		headers = append(headers, "X-Vault-Token: "+token(service))
	}
	return f.do(method, path, body, headers...)
}

func (f *fixture) do(method, path, body string, headers ...string) reply {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// member returns a member deep in the answer, nil if there is none.
func (r reply) member(path ...string) any {
	var v any
	if json.Unmarshal([]byte(r.body), &v) != nil {
		return nil
	}
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// entries returns the trail entries of a service, newest first, as "action address outcome".
func (f *fixture) entries(service string) (all []string) {
	f.t.Helper()
	for e, err := range f.vault.As("admin").Trail(f.t.Context(), myvault.TrailFilter{Service: service}) {
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, e.Action+" "+e.Address.String()+" "+string(e.Outcome))
	}
	return all
}

// setPolicy changes settings of the policy.
func (f *fixture) setPolicy(changes map[string]string) {
	f.t.Helper()
	changed := maps.Clone(settings)
	maps.Copy(changed, changes)
	policy, err := myvault.ParsePolicy(changed)
	if err != nil {
		f.t.Fatal(err)
	}
	f.vault.SetPolicy(policy)
}
