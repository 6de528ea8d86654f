package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// maxRequestID is the size limit of a request id that a client chose.
const maxRequestID = 64

// requestID gives the id that the client chose, if it is fit for logs, else a random one.
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

// log writes the line of this request, unless it is one of many that are counted. It names a service only once that was proven, and
// the cause of what the client sees as a bare 5xx.
func (c *call) log(status, size int, took time.Duration, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError && (err != nil || !c.api.draining.Load()) { // not ready is meant then
		level = slog.LevelError
	}
	if !c.api.logger.Enabled(c.ctx(), level) || c.api.repeats.counts(c, status) {
		return
	}
	attrs := []slog.Attr{
		slog.String("id", c.id),
		slog.String("service", c.service()),
		slog.String("method", c.knownMethod()),
		slog.String("route", c.pattern()),
		slog.Int("status", status),
		slog.Duration("duration", took),
		slog.Int("size", size),
	}
	if status >= http.StatusInternalServerError {
		attrs = append(attrs, slog.String("cause", c.causeText(err)))
	}
	c.api.logger.LogAttrs(c.ctx(), level, "request", attrs...)
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

func (c *call) service() string {
	if c.session == nil {
		return ""
	}
	return c.session.Service()
}

func (c *call) pattern() string {
	if c.endpoint == nil {
		return ""
	}
	return c.endpoint.Pattern
}

// knownMethod keeps an invented method, which may hold anything, out of the log.
func (c *call) knownMethod() string {
	switch m := c.request.Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
