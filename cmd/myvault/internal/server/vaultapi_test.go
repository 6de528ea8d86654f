package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestVaultAPIIsOffByDefault: with the setting, both APIs serve the same secrets on one address.
func TestVaultAPIIsOffByDefault(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir())
	is.Equal(p.must(t, p.headers(t), "GET", "/v1/sys/health", "").status, 404)

	p = start(t, t.TempDir(), "MYVAULT_VAULT_API=true", "MYVAULT_VAULT_LEASE=7s")
	c := p.headers(t)
	is.Equal(p.must(t, c, "GET", "/v1/sys/health", "").status, 200)
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"hunter2"}`).status, 201)
	request, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/v1/newsbot/data/prod/db", nil)
	is.NoErr(err)
	request.Header.Set("X-Vault-Token", c.service+":"+c.token)
	response, err := http.DefaultClient.Do(request)
	is.NoErr(err)
	defer response.Body.Close()
	is.Equal(response.StatusCode, 200)
	var text strings.Builder
	is.NoErr(response.Write(&text))
	is.True(strings.Contains(text.String(), `"data":{"value":"hunter2"}`))
	is.True(strings.Contains(text.String(), `"lease_duration":7,`))
}
