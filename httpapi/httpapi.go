// Package httpapi answers HTTP requests for a [myvault.Vault]: the documented JSON API.
//
//	api, err := httpapi.New(vault, httpapi.Config{Logger: logger})
//	listener, err := net.Listen("tcp", "127.0.0.1:8000")
//	err = httpapi.Serve(ctx, listener, api, httpapi.ServerConfig{})
//
// The [Handler] belongs at the root of a host; a program with a server of its own may use it
// there in place of [Serve]. A caller proves who it is with the headers X-Service and
// X-Token, or with a capability token (package tokens) as Authorization: Bearer, and then meets
// the same policy and trail as every session of the vault. [Routes] lists what is served.
//
// A request is checked in this order, and the first failure is the answer: route (404, 405),
// host (421), origin (403), identity (400, 401, 429), names and query (400), body (400, 413, 415, 422),
// policy (403), existence (404, 409), condition (412). Errors are application/problem+json
// (RFC 9457), whose detail says what to do and never repeats the input.
//
// The routes and statuses are stable; texts of errors may change, and routes and members
// may be added.
package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/internal/logs"
	"github.com/myswiftagent/myvault/tokens"
)

// Config is what a Handler may be told. The zero Config suits a server on loopback.
type Config struct {
	// Logger gets one record per request: its service, method, route pattern, status, id, network
	// address, duration and size, never a path, header or body. Probes are at level DEBUG. Requests
	// that fail, and those of callers who are not known, are one record a second for each service,
	// route and status, and one more with their number: at most 66 a second for all who are not
	// known, and for each service. Records are written while requests are answered, so the handler
	// must not block. Nil: nothing is logged.
	Logger *slog.Logger
	// Guard checks the hosts and origins of requests and counts failed log-ins. Nil: one with the
	// zero guard.Config.
	Guard *guard.Guard
	// Generators make values that clients ask for with "generate": {"function": name}, for
	// whoever may write there. Nil: none. See package generate for what needs no function.
	Generators map[string]myvault.Generator
	// ProjectSecrets are made in each project that POST /api/projects registers, by path: in one
	// commit with the registration, and with the rights and in the name of the caller. A caller
	// that may not write them registers nothing. The provider must be able to make several changes
	// at once. Nil: none.
	ProjectSecrets map[string]myvault.Generator
	// Console answers GET for what is below /console/, with the prefix taken off, and a browser that
	// asks for / is sent there; see package httpapi/console. It needs no identity, and sets its own
	// headers. Nil: there is no such path.
	Console http.Handler
	// Store is what stands behind the vault, such as "sqlite", for GET /api/whoami and the console: whoever is known is told it, and
	// nobody else. "": nobody is.
	Store string
	// Observe is told of each request once it is answered, by the goroutine that answered it. It must
	// not block. Nil: nobody is told. The package metrics has one.
	Observe func(Observation)
	// Tokens mints, checks and revokes capability tokens of the same vault. Nil: their routes answer 501, and
	// a bearer token is wrong.
	Tokens *tokens.Issuer
}

// Observation is what may be counted of a request. It holds nothing that a caller can choose freely.
type Observation struct {
	Route  string // the pattern of the [Route]; "" where none fits
	Method string // "other" for one that is not of HTTP's usual ones
	Status int    // 499 where the client left before there was an answer
	Took   time.Duration
	Size   int // of the body of the answer, in bytes
}

// Handler is the HTTP API of one vault. Make it with [New]; it may be used by many goroutines.
type Handler struct {
	vault      *myvault.Vault
	logger     *slog.Logger
	repeats    *logs.Repeats
	endpoints  []endpoint
	headers    []problem.Header
	buffers    buffers
	guard      *guard.Guard
	bodies     *guard.Room // large ones that are on their way
	large      *guard.Room // large requests that are answered
	cursors    *cursors
	health     *health
	generators map[string]myvault.Generator
	projectSecrets
	console  http.Handler // nil: none
	store    string
	observe  func(Observation)
	ready    *health
	draining atomic.Bool
	issuer   *tokens.Issuer
}

var _ http.Handler = (*Handler)(nil)

// New makes the API of vault, which stays the caller's to close. ErrInvalid for a nil vault and for
// Tokens of another vault.
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
	secrets, wrongSecret := newProjectSecrets(config.ProjectSecrets)
	if err := errors.Join(wrongCursors, wrongSecret); err != nil {
		return nil, err
	}
	return &Handler{
		vault:          vault,
		logger:         config.Logger,
		repeats:        logs.NewRepeats(config.Logger),
		endpoints:      config.endpoints(),
		headers:        problem.CommonHeaders(),
		guard:          config.Guard,
		bodies:         guard.NewRoom(bodiesAtOnce),
		large:          guard.NewRoom(largeAtOnce),
		cursors:        cursors,
		generators:     maps.Clone(config.Generators),
		projectSecrets: secrets,
		console:        config.Console,
		store:          config.Store,
		observe:        config.Observe,
		health:         &health{ask: vault.Ping, logger: config.Logger, complaint: "store does not answer"},
		ready:          &health{ask: vault.Ready, logger: config.Logger, complaint: "not ready"},
		issuer:         config.Tokens,
	}, nil
}

// endpoints returns the routes, with those of the console if there is one.
func (c Config) endpoints() []endpoint {
	routes := endpoints()
	if c.Console != nil {
		routes = append(routes, consoleEndpoints()...)
	}
	return routes
}

// check refuses what does not go together.
func (c Config) check(vault *myvault.Vault) error {
	switch {
	case vault == nil:
		return fmt.Errorf("httpapi: %w: a handler needs a vault", myvault.ErrInvalid)
	case c.Tokens != nil && !c.Tokens.Of(vault):
		// Who bears a token of it would be served from that vault.
		return fmt.Errorf("httpapi: %w: Tokens is the issuer of another vault", myvault.ErrInvalid)
	}
	return nil
}
