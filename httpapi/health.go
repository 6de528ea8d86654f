package httpapi

import (
	"context"
	_ "embed" // for openapi.json
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	pingTimeout = 2 * time.Second
	pingFresh   = time.Second // how long a result is reused, so that a flood does not reach the store
)

// health checks the vault, once at a time. Any number of probes may wait for one check, at
// no cost in memory if the store hangs.
type health struct {
	ask     func(context.Context) error
	failure string // the message of the log
	logger  *slog.Logger

	mu      sync.Mutex
	asking  chan struct{} // closed when the check ends; nil: there is none
	checked time.Time
	good    bool
}

// check returns the last result if it is fresh, else that of a new check. It returns false
// if that takes longer than pingTimeout.
func (h *health) check(ctx context.Context) bool {
	h.mu.Lock()
	if h.asking == nil {
		if time.Since(h.checked) < pingFresh {
			defer h.mu.Unlock()
			return h.good
		}
		h.asking = make(chan struct{})
		go h.update(context.WithoutCancel(ctx), h.asking)
	}
	answered := h.asking
	h.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	select {
	case <-answered:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.good
	case <-ctx.Done():
		return false
	}
}

// update checks the store.
func (h *health) update(ctx context.Context, answered chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := h.ask(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && (h.good || h.checked.IsZero()) {
		h.logger.LogAttrs(ctx, slog.LevelError, h.failure, slog.String("cause", cause(err).Error()))
	}
	h.good, h.checked, h.asking = err == nil, time.Now(), nil
	close(answered)
}

func (c *call) healthy() (response, error) {
	type report struct {
		Status  string `json:"status"`
		Service string `json:"service"`
	}
	if !c.api.health.check(c.ctx) {
		return response{status: http.StatusServiceUnavailable, body: report{"unhealthy", "myVault"}}, nil
	}
	return response{body: report{"healthy", "myVault"}}, nil
}

// Drain makes GET /ready answer 503 from now on, so that load balancers stop sending
// requests. Other routes answer as before. [Serve] calls it when its context ends.
func (h *Handler) Drain() { h.draining.Store(true) }

func (c *call) readiness() (response, error) {
	type report struct {
		Status string `json:"status"`
	}
	if c.api.draining.Load() || !c.api.ready.check(c.ctx) {
		return response{status: http.StatusServiceUnavailable, body: report{"not ready"}}, nil
	}
	return response{body: report{"ready"}}, nil
}

func (c *call) welcome() (response, error) {
	if c.browses() {
		return c.toConsole()
	}
	return response{body: struct {
		Message string `json:"message"`
	}{"Welcome to myVault, a vault for secrets. The API is below /api; /health tells whether it works."}}, nil
}

// description is the OpenAPI 3.1 document of the API (spec.openapis.org/oas/v3.1.1).
// tests/openapi compares it with the routes and with every exchange of the tests.
//
//go:embed openapi.json
var description []byte

// describe answers with the OpenAPI document.
func (c *call) describe() (response, error) {
	return response{raw: description}, nil
}
