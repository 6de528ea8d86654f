package hashivault_test

import (
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestTheEnvironmentDoesNothing: what operators set for Vault's own programs neither changes
// where the provider goes nor keeps it from starting.
func TestTheEnvironmentDoesNothing(t *testing.T) {
	is := is.New(t)
	stranger := eavesdrop(t)
	for name, value := range map[string]string{
		"VAULT_ADDR": stranger.URL, "VAULT_AGENT_ADDR": stranger.URL, "VAULT_TOKEN": "from-the-environment",
		"VAULT_NAMESPACE": "elsewhere", "VAULT_PROXY_ADDR": stranger.URL, "VAULT_HTTP_PROXY": stranger.URL,
		"HTTP_PROXY": stranger.URL, "http_proxy": stranger.URL, "VAULT_SKIP_VERIFY": "perhaps", "VAULT_CACERT": "/nowhere/ca.pem",
		"VAULT_CLIENT_CERT": "/nowhere/cert.pem", "VAULT_MAX_RETRIES": "many", "VAULT_CLIENT_TIMEOUT": "soon",
		"VAULT_RATE_LIMIT": "some", "VAULT_WRAP_TTL": "5m", "VAULT_HEADERS": "{", "VAULT_SRV_LOOKUP": "x", "VAULT_DISABLE_REDIRECTS": "x",
	} {
		t.Setenv(name, value)
	}
	// The client of the api package cannot be made at all in such an environment.
	_, err := api.NewClient(&api.Config{Address: stranger.URL})
	is.True(err != nil)

	fake := fakevault.New(t)
	s, err := hashivault.Open(t.Context(), fresh(fake.Address, fake.Token))
	is.NoErr(err)
	defer s.Close()
	do(t, s, put("newsbot/a", "1"))
	is.Equal(len(states(t, s, "newsbot/a")), 1)
	is.Equal(stranger.said(), nil)
}
