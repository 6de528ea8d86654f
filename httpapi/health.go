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
	pingFresh   = time.Second // how long one result answers, so that a flood does not reach the store
)

// health asks the vault how it is, with one question at a time.
type health struct {
	ask       func(context.Context) error
	complaint string // of what is wrong, in logs
	logger    *slog.Logger

	mu      sync.Mutex
	asking  chan struct{} // closed when the answer is there; nil: nobody asks
	checked time.Time
	good    bool
}

// check gives the last result while it is fresh, else a new one; false where the store takes
// longer than pingTimeout.
func (h *health) check(ctx context.Context) bool {
	h.mu.Lock()
	if h.asking == nil {
		if time.Since(h.checked) < pingFresh {
			defer h.mu.Unlock()
			return h.good
		}
		h.asking = make(chan struct{})
		go h.question(context.WithoutCancel(ctx), h.asking)
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

// question waits for the store. A store that ignores its context is asked once, not by each caller.
func (h *health) question(ctx context.Context, answered chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := h.ask(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && (h.good || h.checked.IsZero()) {
		h.logger.LogAttrs(ctx, slog.LevelError, h.complaint, slog.String("cause", cause(err).Error()))
	}
	h.good, h.checked, h.asking = err == nil, time.Now(), nil
	close(answered)
}

func (c *call) healthy() (response, error) {
	type report struct {
		Status  string `json:"status"`
		Service string `json:"service"`
	}
	if !c.api.health.check(c.ctx()) {
		return response{status: http.StatusServiceUnavailable, body: report{"unhealthy", "myVault"}}, nil
	}
	return response{body: report{"healthy", "myVault"}}, nil
}

// Drain has /ready answer 503 from now on, so that balancers send nothing more. Everything else is
// answered as before. [Serve] calls it when it ends.
func (h *Handler) Drain() { h.draining.Store(true) }

func (c *call) readiness() (response, error) {
	type report struct {
		Status string `json:"status"`
	}
	if c.api.draining.Load() || !c.api.ready.check(c.ctx()) {
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

// description is the OpenAPI 3.1 document of the API (spec.openapis.org/oas/v3.1.1), written by
// hand. tests/openapi holds it against the routes and against every exchange of the tests.
//
//go:embed openapi.json
var description []byte

// describe answers the document as it stands in the source.
func (c *call) describe() (response, error) {
	return response{raw: description}, nil
}
