package httpapi

import (
	_ "embed" // for openapi.json
	"net/http"
)

func (c *call) healthy() (response, error) {
	type report struct {
		Status  string `json:"status"`
		Service string `json:"service"`
	}
	if !c.api.health.Good(c.ctx) {
		return response{status: http.StatusServiceUnavailable, body: report{"unhealthy", "myVault"}}, nil
	}
	return response{body: report{"healthy", "myVault"}}, nil
}

// Drain makes GET /ready answer 503 from now on, so that load balancers stop sending
// requests, and ends the open watches. Other routes answer as before. [Serve] calls it when its
// context ends.
func (h *Handler) Drain() {
	h.draining.Store(true)
	h.endWatches()
}

func (c *call) readiness() (response, error) {
	type report struct {
		Status string `json:"status"`
	}
	if c.api.draining.Load() || !c.api.ready.Good(c.ctx) {
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
