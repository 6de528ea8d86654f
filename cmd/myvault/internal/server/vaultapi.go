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

// beside returns api with Vault's API beside it, if the settings want that.
func (s VaultAPISettings) beside(api *httpapi.Handler, vault *myvault.Vault, issuer *tokens.Issuer, config vaultapi.Config) (http.Handler, error) {
	if !s.VaultAPI {
		return api, nil
	}
	config.Lease = s.VaultLease
	kv, err := vaultapi.New(vault, issuer, config)
	if err != nil {
		return nil, err
	}
	return kv.Beside(api), nil
}

// handlers returns the API of the vault, and the handler of all requests.
func (s settings) handlers(vault *myvault.Vault, issuer *tokens.Issuer, logger *slog.Logger, observe func(httpapi.Observation)) (*httpapi.Handler, http.Handler, error) {
	g, err := guard.New(guard.Config{AllowedHosts: s.Hosts, AllowedOrigins: s.Origins, Forwarders: s.Forwarders})
	if err != nil {
		return nil, nil, err
	}
	api, err := s.handler(vault, httpapi.Config{Logger: logger, Guard: g, Observe: observe, Tokens: issuer})
	if err != nil {
		return nil, nil, err
	}
	all, err := s.beside(api, vault, issuer, vaultapi.Config{Logger: logger, Guard: g, Observe: observe})
	return api, all, err
}
