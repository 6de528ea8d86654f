// Package vaulttest creates a vault in one line, for tests of programs that embed one:
//
//	vault := vaulttest.New(t, map[string]string{"newsbot/prod/db": "hunter2"})
//	secret, err := vault.As("test").Get(t.Context(), addr)
//
// The vault is real, with a policy, versions and a trail, but in memory. It is closed at the end
// of the test. [NewServer] also serves it over HTTP, for tests of clients.
package vaulttest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// DefaultService is the service of a vault made without services. It may do everything.
const DefaultService = "test"

// Service returns a service with the token that [Token] returns and the rules allow, written as
// in ALLOW_ lines. An invalid rule ends the test.
func Service(t testing.TB, name string, allow ...string) myvault.Service {
	t.Helper()
	s := myvault.Service{Name: name, Tokens: []string{Token(name)}}
	for _, text := range allow {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			t.Fatalf("vaulttest: rule %q: %v", text, err)
		}
		s.Allow = append(s.Allow, rule)
	}
	return s
}

// Token returns the token of a service made by [Service].
func Token(service string) string { return "token-for-tests-of-" + service }

// New returns a vault in memory with the given secrets, by address "project/path". Each has
// version 1, written by the service "vaulttest". Without services the vault has one,
// [DefaultService]. Invalid arguments end the test.
func New(t testing.TB, secrets map[string]string, services ...myvault.Service) *myvault.Vault {
	t.Helper()
	if len(services) == 0 {
		services = []myvault.Service{Service(t, DefaultService, "*/", "*/@destroy+audit")}
	}
	policy, err := myvault.NewPolicy(services...)
	if err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	provider := memory.New(memory.Config{})
	fill(t, provider, secrets)
	vault, err := myvault.New(provider, policy, myvault.Config{})
	if err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	t.Cleanup(func() {
		if err := vault.Close(); err != nil {
			t.Errorf("vaulttest: %v", err)
		}
	})
	return vault
}

// fill writes the secrets to the provider, so that the trail starts empty.
func fill(t testing.TB, provider myvault.Provider, secrets map[string]string) {
	t.Helper()
	commit := myvault.Commit{By: "vaulttest", At: time.Now().UTC().Truncate(time.Microsecond)}
	for text, value := range secrets {
		addr, err := myvault.ParseAddress(text)
		if err != nil {
			t.Fatalf("vaulttest: secret %q: %v", text, err)
		}
		change := myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(value)}
		if err := change.Value.Validate(); err != nil {
			t.Fatalf("vaulttest: secret %q: %v", text, err)
		}
		commit.Changes = append(commit.Changes, change)
	}
	if len(commit.Changes) == 0 {
		return
	}
	if _, err := provider.Apply(t.Context(), commit); err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
}

// Server is a vault served over HTTP on a free port of 127.0.0.1.
type Server struct {
	URL   string // such as http://127.0.0.1:41234
	Vault *myvault.Vault
}

// NewServer returns a server of the vault that New returns for the same arguments. It stops at
// the end of the test.
func NewServer(t testing.TB, secrets map[string]string, services ...myvault.Service) *Server {
	t.Helper()
	vault := New(t, secrets, services...)
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		t.Fatalf("vaulttest: %v", err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Server{URL: server.URL, Vault: vault}
}

// Client returns an HTTP client that authenticates every request as a service made by [Service].
func (s *Server) Client(service string) *http.Client {
	return &http.Client{Transport: authenticated(service)}
}

// authenticated is a transport that adds the headers of the service with this name.
type authenticated string

// RoundTrip adds the headers to a copy of the request.
func (service authenticated) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Service", string(service))
	r.Header.Set("X-Token", Token(string(service)))
	return http.DefaultTransport.RoundTrip(r)
}
