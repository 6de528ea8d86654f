package server

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/tokens"
)

// VaultAPISettings are the settings of the API for clients of HashiCorp Vault.
type VaultAPISettings struct {
	VaultAPI   bool          `env:"MYVAULT_VAULT_API" help:"true: answer clients of HashiCorp Vault below /v1/; see docs/vault-clients.md"`
	VaultLease time.Duration `env:"MYVAULT_VAULT_LEASE" envDefault:"60s" help:"how often Vault Agent and consul-template read a secret again (60s)"`
}

// checkVaultLease checks the lease.
func (s VaultAPISettings) checkVaultLease() error {
	if s.VaultLease < time.Second {
		return errors.New("MYVAULT_VAULT_LEASE must be at least 1s")
	}
	return nil
}

// apis are the handlers of all requests.
type apis struct {
	http.Handler // passes each request on to one of the others
	api          *httpapi.Handler
	kv           *vaultapi.Handler // nil: off
}

// FlushLog logs how many repeated records were omitted in the last second.
func (a apis) FlushLog() {
	a.api.FlushLog()
	if a.kv != nil {
		a.kv.FlushLog()
	}
}

// handlers returns the API of the vault, and Vault's API if the settings want that.
func (s settings) handlers(vault *myvault.Vault, issuer *tokens.Issuer, logger *slog.Logger, observe func(httpapi.Observation)) (apis, error) {
	g, err := guard.New(guard.Config{AllowedHosts: s.Hosts, AllowedOrigins: s.Origins, Forwarders: s.Forwarders})
	if err != nil {
		return apis{}, err
	}
	api, err := s.handler(vault, httpapi.Config{Logger: logger, Guard: g, Observe: observe, Tokens: issuer, VaultAPI: s.VaultAPI})
	if err != nil || !s.VaultAPI {
		return apis{Handler: api, api: api}, err
	}
	kv, err := vaultapi.New(vault, issuer, vaultapi.Config{Logger: logger, Guard: g, Observe: observe, Lease: s.VaultLease})
	if err != nil {
		return apis{}, err
	}
	return apis{kv.Beside(api), api, kv}, nil
}
