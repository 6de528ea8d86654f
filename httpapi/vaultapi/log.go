package vaultapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// log logs this request, or counts it as a repeated record. It logs a service only if it has
// authenticated, and the cause of a 5xx, which the client does not see.
func (c *call) log(status, size int, took time.Duration, err error) {
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError, c.unknown:
		level = slog.LevelError
	case c.route != nil && c.route.pattern == "sys/health":
		level = slog.LevelDebug
	}
	if !c.api.config.Logger.Enabled(c.ctx, level) {
		return
	}
	method := request.Method(c.request)
	if c.request.Method == "LIST" {
		method = "LIST"
	}
	c.api.requests.Write(c.ctx, request.Record{
		Level: level, Service: c.service(), Method: method, Route: c.pattern(), Status: status, Cause: c.causeText(err),
		ID: c.id, Remote: c.remote(), Took: took, Size: size, Stack: c.stack,
	})
}

// causeText returns the cause of a failed request for the log.
func (c *call) causeText(err error) string {
	switch {
	case c.failure != "":
		return c.failure
	case err == nil:
		return ""
	}
	return cause(err).Error() // without the address
}

// pattern returns the pattern of the route, or "" if none matches.
func (c *call) pattern() string {
	if c.route == nil {
		return ""
	}
	return root + c.route.pattern
}
