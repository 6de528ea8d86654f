package console_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/vaulttest"
)

// server is a vault with its HTTP API and console.
type server struct {
	t     *testing.T
	vault *myvault.Vault
	url   string
}

const (
	admin = "commonUI" // may do everything
	all   = "*/@read+write+delete+list+destroy+audit"
)

// token returns the token of a service. All secrets of these tests contain "canary".
func token(service string) string { return "canary-token-of-" + service }

func serviceOf(t *testing.T, name string, rules ...string) myvault.Service {
	t.Helper()
	s := vaulttest.Service(t, name, rules...)
	s.Tokens = []string{token(name)}
	return s
}

// serve starts a server with the given values, by address. It runs until the test ends.
func serve(t *testing.T, values map[string]string, more ...myvault.Service) *server {
	t.Helper()
	services := append([]myvault.Service{serviceOf(t, admin, all)}, more...)
	policy, err := myvault.NewPolicy(services...)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(store, policy, myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := httpapi.New(vault, httpapi.Config{Console: console.New(), Store: "sqlite", VaultAPI: true})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(handler)
	t.Cleanup(func() {
		listening.CloseClientConnections()
		listening.Close()
		_ = vault.Close()
	})
	s := &server{t: t, vault: vault, url: listening.URL}
	for address, value := range values {
		s.put(admin, address, value)
	}
	return s
}

// put writes a value without the page.
func (s *server) put(service, address, value string) {
	s.t.Helper()
	addr, err := myvault.ParseAddress(address)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.vault.As(service).Put(s.t.Context(), addr, myvault.Text(value)); err != nil {
		s.t.Fatal(err)
	}
}

// putVersion writes a version with its times without the page.
func (s *server) putVersion(address string, d myvault.NewVersion) {
	s.t.Helper()
	addr, err := myvault.ParseAddress(address)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.vault.As(admin).PutVersion(s.t.Context(), addr, d); err != nil {
		s.t.Fatal(err)
	}
}

// get returns the current value of a secret, or "" if there is none.
func (s *server) get(address string) string {
	s.t.Helper()
	addr, err := myvault.ParseAddress(address)
	if err != nil {
		s.t.Fatal(err)
	}
	found, err := s.vault.As(admin).Get(s.t.Context(), addr)
	if err != nil {
		return ""
	}
	return found.Value.Reveal()
}

// delete deletes a secret without the page.
func (s *server) delete(address string) {
	s.t.Helper()
	addr, err := myvault.ParseAddress(address)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.vault.As(admin).Delete(s.t.Context(), addr); err != nil {
		s.t.Fatal(err)
	}
}

// reads returns the number of values that the page has read, from the trail. Reads by the tests are
// not over HTTP and do not count.
func (s *server) reads() (n int) {
	s.t.Helper()
	for entry, err := range s.vault.As(admin).Trail(s.t.Context(), myvault.TrailFilter{Action: "read"}) {
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.HasPrefix(entry.Via, "header") {
			n += int(entry.Count)
		}
	}
	return n
}
