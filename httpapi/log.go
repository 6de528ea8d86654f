package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/internal/logs"
)

// maxRequestID is the size limit of a client's request id.
const maxRequestID = 64

// requestID returns the id that the client sent if it is fit for logs, else a random one.
func requestID(r *http.Request) string {
	given := r.Header["X-Request-Id"]
	if len(given) == 1 && given[0] != "" && len(given[0]) <= maxRequestID && !strings.ContainsFunc(given[0], unfitForID) {
		return given[0]
	}
	return rand.Text()
}

func unfitForID(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}

// log logs this request, or counts it as a repeated record. It logs a service only if it has
// authenticated, and the cause of a 5xx, which the client does not see.
func (c *call) log(status, size int, took time.Duration, err error) {
	level := c.level(status, err)
	if !c.api.logger.Enabled(c.ctx, level) {
		return
	}
	kind := []slog.Attr{
		slog.String("service", c.service),
		slog.String("method", c.knownMethod()),
		slog.String("route", c.endpoint.Pattern),
		slog.Int("status", status),
	}
	if status >= http.StatusInternalServerError {
		kind = append(kind, slog.String("cause", c.causeText(err)))
	}
	rest := []slog.Attr{
		slog.String("id", c.id),
		slog.String("remote", c.remote),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int("size", size),
	}
	if c.panicked != "" {
		rest = append(rest, slog.String("stack", c.stack))
	}
	if c.session != nil && status < http.StatusBadRequest {
		c.api.logger.LogAttrs(c.ctx, level, "request", append(kind, rest...)...)
		return
	}
	group := c.service
	if level == slog.LevelError {
		group = "errors" // a flood of strangers must not hide them
	}
	c.api.repeats.Log(c.ctx, logs.Record{Level: level, Group: group, Message: "request", Kind: kind, Rest: rest})
}

// level returns ERROR for a failure of the server, DEBUG for probes, else INFO.
func (c *call) level(status int, err error) slog.Level {
	draining := err == nil && c.api.draining.Load() // 503 is then intended
	switch {
	case status >= http.StatusInternalServerError && !draining:
		return slog.LevelError
	case c.endpoint.probe:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (c *call) causeText(err error) string {
	if c.panicked != "" {
		return c.panicked
	}
	if err == nil {
		return ""
	}
	return cause(err).Error() // without the address
}

// knownMethod returns the method, or "other": the log must not contain texts of strangers.
func (c *call) knownMethod() string {
	switch m := c.request.Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
