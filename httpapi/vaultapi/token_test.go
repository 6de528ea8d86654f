package vaultapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// TestALogInHasAllRightsOfItsService, and a token that its holder narrowed has fewer and cannot end
// the wider one.
func TestALogInHasAllRightsOfItsService(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	r := f.as("", "POST", "auth/approle/login", `{"role_id":"admin","secret_id":"admin-token-0123456789"}`)
	bearer := r.member("auth", "client_token").(string)
	send := func(token, method, path, body string) int {
		return f.do(method, path, body, "X-Vault-Token: "+token).status
	}
	is.Equal(send(bearer, "POST", db, `{"data":{"value":"a"}}`), 200)
	is.Equal(send(bearer, "GET", db, ""), 200)
	is.Equal(send(bearer, "LIST", "newsbot/metadata/prod", ""), 200)
	is.Equal(send(bearer, "DELETE", db, ""), 204)
	is.Equal(send(bearer, "POST", "newsbot/destroy/prod/db", `{"versions":[1]}`), 204)

	narrower, err := tokens.Narrow(myvault.Text(bearer), tokens.Actions(myvault.Read))
	is.NoErr(err)
	is.Equal(send(narrower.Reveal(), "POST", db, `{"data":{"value":"a"}}`), 403)
	r = f.do("PUT", "auth/token/revoke-self", "", "X-Vault-Token: "+narrower.Reveal())
	is.Equal(r.status, 400)
	is.True(strings.Contains(r.body, "narrowed token"))
	is.Equal(send(bearer, "GET", "auth/token/lookup-self", ""), 200)
}

func TestUndeleteNeedsTheNewestNumber(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.as("admin", "POST", db, `{"data":{"value":"a"}}`)
	f.as("admin", "POST", db, `{"data":{"value":"b"}}`)
	f.as("admin", "DELETE", db, "")
	is.Equal(f.as("admin", "POST", "newsbot/undelete/prod/db", `{"versions":[1]}`).status, 400)
	is.Equal(f.as("admin", "GET", db, "").status, 404)
	is.Equal(f.as("admin", "POST", "newsbot/undelete/prod/db", `{"versions":[1,2]}`).status, 204)
	is.Equal(f.as("admin", "GET", db, "").status, 200)
}

// newBare returns a handler with the default guard, its vault and its log.
func newBare(t testing.TB) (*vaultapi.Handler, *myvault.Vault, *lines) {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { _ = vault.Close() })
	issuer, err := tokens.New(vault, tokens.Config{})
	is.NoErr(err)
	logs := &lines{}
	h, err := vaultapi.New(vault, issuer, vaultapi.Config{Logger: slog.New(slog.NewJSONHandler(logs, nil))})
	is.NoErr(err)
	return h, vault, logs
}

func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	r.Host = "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestFailedLogInsAreCounted, by tokens and by log-ins, with the guard's limit.
func TestFailedLogInsAreCounted(t *testing.T) {
	for _, send := range []func() *http.Request{
		func() *http.Request {
			return httptest.NewRequest("POST", "/v1/auth/approle/login", strings.NewReader(`{"role_id":"admin","secret_id":"x"}`))
		},
		func() *http.Request {
			r := httptest.NewRequest("GET", "/v1/newsbot/data/prod/db", nil)
			r.Header.Set("X-Vault-Token", "not a token")
			return r
		},
	} {
		is := is.New(t)
		h, _, _ := newBare(t)
		limited := 0
		for range 60 {
			if w := ask(h, send()); w.Code == http.StatusTooManyRequests {
				is.True(w.Header().Get("Retry-After") != "")
				limited++
			}
		}
		is.True(limited > 30)
	}
}

// TestHealthOfAClosedVault: it is 503 and sealed, for load balancers.
func TestHealthOfAClosedVault(t *testing.T) {
	is := is.New(t)
	h, vault, _ := newBare(t)
	is.NoErr(vault.Close())
	w := ask(h, httptest.NewRequest("GET", "/v1/sys/health?standbyok=true", nil))
	is.Equal(w.Code, 503)
	is.True(strings.Contains(w.Body.String(), `"sealed":true`))
	w = ask(h, httptest.NewRequest("HEAD", "/v1/sys/health", nil))
	is.Equal(w.Body.Len(), 0)
}

// TestAClientThatLeft is logged as 499, not as a failure of the server.
func TestAClientThatLeft(t *testing.T) {
	is := is.New(t)
	h, _, logs := newBare(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/v1/newsbot/metadata/prod/db", nil)
	r.Header.Set("X-Vault-Token", token("admin"))
	ask(h, r)
	is.True(strings.Contains(logs.String(), `"status":499`))
}

// TestNewRefuses what could not work.
func TestNewRefuses(t *testing.T) {
	is := is.New(t)
	_, vault, _ := newBare(t)
	_, other, _ := newBare(t)
	issuer, err := tokens.New(other, tokens.Config{})
	is.NoErr(err)
	_, err = vaultapi.New(vault, issuer, vaultapi.Config{})
	is.True(err != nil) // the issuer of another vault
	_, err = vaultapi.New(other, nil, vaultapi.Config{})
	is.True(err != nil)
	_, err = vaultapi.New(other, issuer, vaultapi.Config{Lease: 1})
	is.True(err != nil)
}
