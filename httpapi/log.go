package httpapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// log logs this request, or counts it as a repeated record. It logs a service only if it has
// authenticated, and the cause of a 5xx, which the client does not see.
func (c *call) log(status, size int, took time.Duration, err error) {
	level := c.level(status, err)
	if !c.api.logger.Enabled(c.ctx, level) {
		return
	}
	c.api.requests.Write(c.ctx, request.Record{
		Level: level, Service: c.service, Method: request.Method(c.request), Route: c.endpoint.Pattern, Status: status,
		Cause: c.causeText(err), ID: c.id, Remote: c.remote, Took: took, Size: size, Stack: c.stack,
	})
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

// causeText returns the cause of a failed request for the log.
func (c *call) causeText(err error) string {
	if c.panicked != "" {
		return c.panicked
	}
	if err == nil {
		return ""
	}
	return cause(err).Error() // without the address
}
