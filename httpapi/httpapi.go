// Package httpapi is the JSON API of a [myvault.Vault] over HTTP.
//
//	api, err := httpapi.New(vault, httpapi.Config{Logger: logger})
//	listener, err := net.Listen("tcp", "127.0.0.1:8000")
//	err = httpapi.Serve(ctx, listener, api, serve.Config{})
//
// A [Handler] works in any server, also below a prefix and behind middleware; see its example.
// Package serve is the server that [Serve] uses, and package guard checks hosts and origins.
//
// A caller authenticates with the headers X-Service and X-Token, with a client certificate,
// or with a capability token (package tokens) as Authorization: Bearer. The policy and the
// trail apply to it as to every session of the vault. [Routes] lists the routes.
//
// A request is checked in this order, and the first failure is the response: route (404,
// 405), host (421), origin (403), identity (400, 401, 429), names and query (400), body
// (400, 413, 415, 422), policy (403), existence (404, 409), condition (412). Errors are
// application/problem+json (RFC 9457). Their detail says what to do and never repeats the
// input.
//
// The routes and statuses are stable. Texts of errors may change, and routes and members may be
// added.
package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/internal/health"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/usage"
)

// Config holds the settings of a [Handler]. The zero Config suits a server on loopback.
type Config struct {
	// Logger gets one record per request: its service, method, route pattern, status, id,
	// network address, duration and size, never a path, header or body. Probes are logged
	// at level DEBUG. Failed requests and those of unknown callers are repeated at most
	// once a second for each service, route and status, and then counted: at most 66
	// records a second for all unknown callers, and for each service. The log handler must
	// not block: it runs while requests are answered. Nil: nothing is logged.
	Logger *slog.Logger
	// Guard checks the hosts and origins of requests and counts failed log-ins. Nil: one
	// with the zero guard.Config.
	Guard *guard.Guard
	// Generators make values that clients ask for with "generate": {"function": name}, if
	// they may write the secret. Nil: none. Package generate lists what clients can
	// generate without one.
	Generators map[string]myvault.Generator
	// ProjectSecrets are created in each project that POST /api/projects registers, by
	// path. They are written in the same commit as the registration, in the name and with
	// the rights of the caller: if it may not write them, nothing is registered. The
	// provider must support several changes in one commit. Nil: none.
	ProjectSecrets map[string]myvault.Generator
	// Console answers GET requests below /console/, without that prefix. A browser that
	// asks for / is redirected there. It needs no identity and sets its own headers; see
	// package console. Nil: there is no console.
	Console http.Handler
	// Store names the provider, such as "sqlite". Authenticated callers see it in GET
	// /api/whoami and in the console. "": no caller does.
	Store string
	// VaultAPI says that package vaultapi answers beside this API, below /v1/. Authenticated
	// callers see it in GET /api/whoami, and the console shows the command of Vault's clients.
	VaultAPI bool
	// Observe is called after each response, in the goroutine of the request. It must not
	// block. Package metrics has one. May be nil.
	Observe func(Observation)
	// Tokens mints, checks and revokes capability tokens of the same vault. Nil: its routes
	// answer 501, and no bearer token is valid.
	Tokens *tokens.Issuer
	// MaxWatches is how many requests to GET /api/watch are open at once; one service may have
	// half of them. A further one is answered 503. They count as connections too, see
	// serve.Config.MaxConnections; one that waits makes room for a new connection. 0: 256.
	MaxWatches int
}

// Observation describes a request for metrics. It holds nothing that a caller can choose
// freely.
type Observation struct {
	Route  string // the pattern of the [Route]; "": none matches
	Method string // "other" if it is not a standard method
	Status int    // 499 if the client left before the response
	Took   time.Duration
	Size   int // of the body of the response, in bytes
}

// Handler is the HTTP API of one vault. Make one with [New]; it is safe for concurrent use.
type Handler struct {
	vault       *myvault.Vault
	incarnation string // of the vault
	logger      *slog.Logger
	requests    *request.Log
	endpoints   []endpoint
	headers     []problem.Header
	buffers     sync.Pool // of *bytes.Buffer for response bodies; see recycle
	guard       *guard.Guard
	cursors     *cursors
	health      *health.Check
	generators  map[string]myvault.Generator
	ready       *health.Check
	draining    atomic.Bool
	drained     context.Context // ends with draining
	endWatches  context.CancelFunc
	watches     watches
	heartbeat   time.Duration
	issuer      *tokens.Issuer
	console     http.Handler // may be nil
	store       string
	vaultAPI    bool
	observe     func(Observation) // may be nil
	projectSecrets
	usage     *usage.Index
	extension *myvault.Extension // for log-ins by token without an issuer
}

var _ http.Handler = (*Handler)(nil)

// New returns the API of vault, which the caller closes. It returns ErrInvalid for a nil
// vault, for Tokens of another vault, for malformed paths in ProjectSecrets, and for a negative
// MaxWatches.
func New(vault *myvault.Vault, config Config) (*Handler, error) {
	if err := config.check(vault); err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Guard == nil {
		config.Guard, _ = guard.New(guard.Config{}) // the zero Config is valid
	}
	cursors, wrongCursors := newCursors(vault)
	index, wrongUsage := usage.New(vault)
	secrets, wrongSecret := newProjectSecrets(config.ProjectSecrets)
	if err := errors.Join(wrongCursors, wrongUsage, wrongSecret); err != nil {
		return nil, err
	}
	drained, endWatches := context.WithCancel(context.Background())
	return &Handler{
		drained:        drained,
		endWatches:     endWatches,
		watches:        watches{limit: cmp.Or(config.MaxWatches, defaultWatches)},
		heartbeat:      heartbeat,
		vault:          vault,
		incarnation:    vault.Incarnation(),
		buffers:        sync.Pool{New: func() any { return new(bytes.Buffer) }},
		logger:         config.Logger,
		requests:       request.NewLog(config.Logger),
		endpoints:      config.endpoints(),
		headers:        problem.CommonHeaders(),
		guard:          config.Guard,
		cursors:        cursors,
		generators:     maps.Clone(config.Generators),
		projectSecrets: secrets,
		console:        config.Console,
		store:          config.Store,
		vaultAPI:       config.VaultAPI,
		observe:        config.Observe,
		health:         health.New(vault.Ping, config.Logger, "store does not answer"),
		ready:          health.New(vault.Ready, config.Logger, "not ready"),
		issuer:         config.Tokens,
		usage:          index,
		extension:      cursors.extension,
	}, nil
}

// endpoints returns the routes, and those of the console if there is one.
func (c Config) endpoints() []endpoint {
	routes := endpoints()
	if c.Console != nil {
		routes = append(routes, consoleEndpoints()...)
	}
	return routes
}

// check returns the errors of New.
func (c Config) check(vault *myvault.Vault) error {
	switch {
	case vault == nil:
		return fmt.Errorf("httpapi: %w: a handler needs a vault", myvault.ErrInvalid)
	case c.MaxWatches < 0:
		return fmt.Errorf("httpapi: %w: MaxWatches is negative", myvault.ErrInvalid)
	case c.Tokens != nil && !c.Tokens.BelongsTo(vault):
		// A bearer of such a token would be served from the other vault.
		return fmt.Errorf("httpapi: %w: Tokens is the issuer of another vault", myvault.ErrInvalid)
	}
	return nil
}
