package vaultapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// FuzzRequest: no request of a caller is a failure of the server, and each answer is JSON or empty.
func FuzzRequest(f *testing.F) {
	for _, e := range script {
		f.Add(e.method, e.path, e.body)
	}
	for _, verb := range verbs {
		f.Add(verb.method, verb.path, verb.body)
	}
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		f.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = vault.Close() })
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		f.Fatal(err)
	}
	h, err := vaultapi.New(vault, issuer, vaultapi.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://localhost/v1/"+path, strings.NewReader(body))
		if err != nil {
			return // no request that net/http would pass on
		}
		r.Header.Set("X-Vault-Token", token("admin"))
		if method == http.MethodPatch {
			r.Header.Set("Content-Type", "application/merge-patch+json")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || w.Code == http.StatusConflict {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("not JSON: %q", w.Body)
		}
	})
}
