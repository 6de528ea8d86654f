// Package vaultapi answers HashiCorp Vault's KV version 2 API from a [myvault.Vault], so that
// programs written for Vault work unmodified: the vault command, Vault Agent, consul-template,
// hvac, External Secrets.
//
// # Serving it
//
//	api, err := httpapi.New(vault, httpapi.Config{Guard: g, Tokens: issuer})
//	kv, err := vaultapi.New(vault, issuer, vaultapi.Config{Guard: g})
//	err = serve.Serve(ctx, listener, kv.Beside(api), api.ServeConfig(serve.Config{}))
//
// [Handler.Beside] answers paths below /v1/ and passes all others on. With one guard, both
// handlers share its hosts, origins, failed log-ins and limits of large requests.
//
// # Addresses and values
//
// A project is a mount with the same name, so `vault kv get newsbot/prod/db` reads the secret
// newsbot/prod/db. A KV map is one value: the JSON of the map, or the plain text s of the map
// {"value": s}. docs/kv-format.md has the rule. Projects named sys, auth, cubbyhole or identity
// cannot be reached.
//
// # Callers
//
// X-Vault-Token is a capability token, or a service and its shared token as "service:token".
// The log-ins approle (role_id is the service, secret_id its shared token), userpass and cert
// mint a capability token with the service's rights. Every call is a call of a
// [myvault.Session]: the policy decides and the trail records it, as for package httpapi.
//
// # Leases
//
// Vault Agent and consul-template read a secret again when its lease is almost over. A lease
// lasts [Config.Lease], but at most until a second after the secret is due for rotation.
//
// # Differences
//
// Unsupported requests are refused with the reason: response wrapping, namespaces, other
// engines, changes of sys. docs/vault-clients.md lists the differences from a real Vault.
//
// The routes and statuses are Vault's. Texts of errors may change, except those that Vault's
// clients match.
package vaultapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/internal/health"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/tokens"
)

// DefaultLease is the lease of a read if Config.Lease is 0.
const DefaultLease = time.Minute

// Config holds the settings of a [Handler]. The zero Config suits a server on loopback.
type Config struct {
	// Logger gets one record per request, as that of [httpapi.Config] does. Nil: nothing is
	// logged.
	Logger *slog.Logger
	// Guard checks hosts and origins, counts failed log-ins and limits large requests. Share
	// it with the handler of package httpapi. Nil: one with the zero guard.Config.
	Guard *guard.Guard
	// Lease is how long clients may use what they have read before they read again. Each
	// read is recorded. 0: [DefaultLease]. Less than a second is ErrInvalid.
	Lease time.Duration
	// Observe is called after each response, as that of [httpapi.Config] is. May be nil.
	Observe func(httpapi.Observation)
}

// Handler answers Vault's API below /v1/. Make one with [New]; it is safe for concurrent use.
type Handler struct {
	vault     *myvault.Vault
	issuer    *tokens.Issuer
	extension *myvault.Extension
	config    Config
	requests  *request.Log
	health    *health.Check
}

var _ http.Handler = (*Handler)(nil)

// New returns Vault's API of vault, which the caller closes. It returns ErrInvalid for a nil
// vault, for an issuer that is nil or of another vault, and for a malformed Config.
func New(vault *myvault.Vault, issuer *tokens.Issuer, config Config) (*Handler, error) {
	if vault == nil || issuer == nil || !issuer.BelongsTo(vault) {
		return nil, fmt.Errorf("vaultapi: %w: a handler needs a vault and its issuer of tokens", myvault.ErrInvalid)
	}
	if config.Lease == 0 {
		config.Lease = DefaultLease
	}
	if config.Lease < time.Second {
		return nil, fmt.Errorf("vaultapi: %w: Lease must be at least a second", myvault.ErrInvalid)
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Guard == nil {
		config.Guard, _ = guard.New(guard.Config{}) // the zero Config is valid
	}
	extension, err := vault.Extend("kv")
	if err != nil {
		return nil, err
	}
	return &Handler{
		vault: vault, issuer: issuer, extension: extension.RecordAs("metadata"), config: config,
		requests: request.NewLog(config.Logger),
		health:   health.New(vault.Ping, config.Logger, "store does not answer"),
	}, nil
}

// root is the path below which Vault's API is.
const root = "/v1/"

// Beside returns a handler that answers paths below /v1/ with h, and all others with other. In
// contrast to a [http.ServeMux] it does not clean or redirect paths.
func (h *Handler) Beside(other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, root) {
			h.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// FlushLog logs how many repeated records were omitted in the last second. Call it once the
// server has ended.
func (h *Handler) FlushLog() { h.requests.Flush() }
