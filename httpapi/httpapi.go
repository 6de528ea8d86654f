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
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
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
	// AllowedHosts are further names and addresses, without a port, that a request may carry
	// in its Host header. Always allowed are localhost, loopback addresses, and the address
	// that the connection came to. Other hosts are answered 421, except on /health and /ready. That
	// keeps out web pages that point their own domain name at this server (DNS rebinding).
	AllowedHosts []string
	// AllowedOrigins are web sites, such as https://console.example.org, whose pages may call the
	// API by CORS; browsers send no client certificate for them. The server's own origin always may, and
	// pages of others are refused (403).
	AllowedOrigins []string
	// Forwarders are addresses and networks of proxies, such as 10.1.2.3 or 10.1.2.0/24, whose
	// X-Forwarded-For tells where a request came from, for counting failures and for the trail. Nothing else
	// is taken from headers of proxies, and nothing at all from those that are not named.
	Forwarders []string
	// FailuresPerMinute is how many failed log-ins a pair of service and network address has; more
	// are answered 429. An address alone has 5 times as many, a service alone 50 times. 0 means 20.
	// It shows a client that something is wrong, and does not slow down guessing: a correct
	// identity always passes, so that no caller is locked out by others. The length of tokens
	// protects them from guessing.
	FailuresPerMinute int
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

const defaultFailures = 20

// Handler is the HTTP API of one vault. Make it with [New]; it may be used by many goroutines.
type Handler struct {
	vault      *myvault.Vault
	logger     *slog.Logger
	repeats    *logs.Repeats
	endpoints  []endpoint
	headers    []field
	buffers    buffers
	hosts      hosts
	origins    origins
	forwarders forwarders
	failures   *failures
	bodies     *shares // large ones that are on their way
	large      *shares // large requests that are answered
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

// New makes the API of vault, which stays the caller's to close. ErrInvalid for a nil vault, Tokens of another vault,
// a host with a scheme, port or wildcard, a malformed origin or network, or a negative number.
func New(vault *myvault.Vault, config Config) (*Handler, error) {
	if err := config.check(vault); err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	allowed, wrongHost := newHosts(config.AllowedHosts)
	sites, wrongOrigin := newOrigins(config.AllowedOrigins)
	proxies, wrongForwarder := newForwarders(config.Forwarders)
	cursors, wrongCursors := newCursors(vault)
	secrets, wrongSecret := newProjectSecrets(config.ProjectSecrets)
	if err := errors.Join(wrongHost, wrongOrigin, wrongForwarder, wrongCursors, wrongSecret); err != nil {
		return nil, err
	}
	return &Handler{
		vault:          vault,
		logger:         config.Logger,
		repeats:        logs.NewRepeats(config.Logger),
		endpoints:      config.endpoints(),
		headers:        commonHeaders(),
		hosts:          allowed,
		origins:        sites,
		forwarders:     proxies,
		failures:       newFailures(cmp.Or(config.FailuresPerMinute, defaultFailures)),
		bodies:         newShares(bodiesAtOnce),
		large:          newShares(largeAtOnce),
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
	case c.Tokens != nil && !c.Tokens.BelongsTo(vault):
		// Who bears a token of it would be served from that vault.
		return fmt.Errorf("httpapi: %w: Tokens is the issuer of another vault", myvault.ErrInvalid)
	case c.FailuresPerMinute < 0:
		return fmt.Errorf("httpapi: %w: FailuresPerMinute is negative", myvault.ErrInvalid)
	}
	return nil
}
