// Package guard refuses requests that a handler must not answer: those for another host, as
// a DNS rebinding attack sends them, and those of pages of other web sites. It also
// determines where a request came from and counts failed log-ins.
//
//	g, err := guard.New(guard.Config{AllowedHosts: []string{"vault.example.org"}})
//	err = http.Serve(listener, g.Handler(mux))
//
// A program needs [Guard.Handler] alone: it checks the host and the page of each request before
// its own handler, such as a ServeMux with metrics or further pages, sees it. The API of package
// httpapi takes the Guard in its Config and calls the other methods itself.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// Config holds the settings of a [Guard]. The zero Config suits a server on loopback.
type Config struct {
	// AllowedHosts are further names and addresses, without a port, that a request may
	// carry in its Host header. Always allowed are localhost, loopback addresses and the
	// address that the connection came to. Requests for other hosts are answered 421. That
	// stops web pages that point their own domain name at this server (DNS rebinding).
	AllowedHosts []string
	// AllowedOrigins are web sites, such as https://console.example.org, whose pages may send
	// requests and read the answers (CORS). Browsers send no client certificate for them. The
	// server's own origin is always allowed; requests of other pages are answered 403.
	AllowedOrigins []string
	// Forwarders are addresses and networks of trusted proxies, such as 10.1.2.3 or
	// 10.1.2.0/24. Their X-Forwarded-For names the address that a request came from. No
	// other header of a proxy is trusted, and none of other senders.
	Forwarders []string
	// FailuresPerMinute is the limit of failed log-ins of a pair of service and network address;
	// more are answered 429. The limit of an address is 5 times as high, that of a service 50
	// times. 0 means 20. It shows a client that something is wrong. It does not slow down
	// guessing, because a correct identity always passes: no caller can lock out another. Tokens
	// are protected by their length.
	FailuresPerMinute int
}

const defaultFailures = 20

// Guard checks requests. Make one with [New]; it is safe for concurrent use.
type Guard struct {
	hosts      hosts
	origins    origins
	forwarders forwarders
	failures   *failures
}

// New returns a Guard. It returns ErrInvalid for a host with a scheme, port or wildcard, for a
// malformed origin or network, and for a negative number.
func New(config Config) (*Guard, error) {
	allowed, wrongHost := newHosts(config.AllowedHosts)
	sites, wrongOrigin := newOrigins(config.AllowedOrigins)
	proxies, wrongForwarder := newForwarders(config.Forwarders)
	var negative error
	if config.FailuresPerMinute < 0 {
		negative = fmt.Errorf("guard: %w: FailuresPerMinute is negative", myvault.ErrInvalid)
	}
	if err := errors.Join(wrongHost, wrongOrigin, wrongForwarder, negative); err != nil {
		return nil, err
	}
	return &Guard{
		hosts:      allowed,
		origins:    sites,
		forwarders: proxies,
		failures:   newFailures(cmp.Or(config.FailuresPerMinute, defaultFailures)),
	}, nil
}

// Handler returns a handler that passes on to next the requests that g allows, and answers
// others itself: 421 for a wrong host, 403 for a page of another site. It also answers preflight
// requests of allowed origins. The log and the metrics of next do not have these requests: put a
// handler that logs before this one. GET and HEAD of the paths in probes are passed on unchecked:
// load balancers choose their own Host header.
func (g *Guard) Handler(next http.Handler, probes ...string) http.Handler {
	unchecked := make(map[string]bool)
	for _, path := range probes {
		unchecked[path] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := r.Method == http.MethodGet || r.Method == http.MethodHead
		if probe && r.URL.RawPath == "" && unchecked[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		g.AllowReading(r, w.Header())
		preflight := g.Preflight(r, w.Header())
		err := cmp.Or(g.CheckHost(r), g.CheckOrigin(r))
		if !preflight && err == nil {
			next.ServeHTTP(w, r)
			return
		}
		if r.ContentLength != 0 {
			// net/http would wait for the rest of the body, however slowly it comes.
			w.Header().Set("Connection", "close")
			defer func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now()) }()
		}
		refused, ok := errors.AsType[*problem.Problem](err)
		switch {
		case preflight:
			w.WriteHeader(http.StatusNoContent)
		case ok:
			refused.Write(w)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	})
}
