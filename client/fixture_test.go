package client_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/vaulttest"
)

// server is a vault behind the real API.
type server struct {
	*httptest.Server
	vault *myvault.Vault
}

// stores are the providers that the tests run over.
var stores = map[string]func(*testing.T) myvault.Provider{
	"memory": func(*testing.T) myvault.Provider { return memory.New(memory.Config{}) },
	"sqlite": func(t *testing.T) myvault.Provider {
		store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return store
	},
}

// services are an admin, one that may read a part, and one that may write it without listing.
func services(t *testing.T) []myvault.Service {
	return []myvault.Service{
		vaulttest.Service(t, "admin", "*/", "*/@destroy+audit"),
		vaulttest.Service(t, "reader", "newsbot/prod/@read+list"),
		vaulttest.Service(t, "writer", "newsbot/prod/@write+destroy"),
	}
}

// serve serves an empty vault over a store.
func serve(t *testing.T, store string) *server {
	t.Helper()
	return serveOn(t, store, stores[store](t), nil)
}

// serveOn serves a vault over a provider, with its trail if it keeps none.
func serveOn(t *testing.T, name string, provider myvault.Provider, trail myvault.Trail) *server {
	t.Helper()
	policy, err := myvault.NewPolicy(services(t)...)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(provider, policy, myvault.Config{Trail: trail})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vault.Close(); err != nil {
			t.Error(err)
		}
	})
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := guard.New(guard.Config{FailuresPerMinute: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpapi.New(vault, httpapi.Config{Tokens: issuer, Store: name, Guard: hosts})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: httptest.NewServer(api), vault: vault}
	t.Cleanup(s.Close)
	return s
}

// as returns a client of a service.
func (s *server) as(t *testing.T, service string) *client.Client {
	t.Helper()
	return newClient(t, client.Config{Address: s.URL, Service: service, Token: myvault.Text(vaulttest.Token(service))})
}

func newClient(t *testing.T, config client.Config) *client.Client {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func isErr(is *is.I, err, target error) {
	is.Helper()
	is.True(errors.Is(err, target))
}
