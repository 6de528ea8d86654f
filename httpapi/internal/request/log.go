package request

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault/internal/logs"
)

// Log writes one record for each request, and counts repeats of failed ones.
type Log struct {
	logger  *slog.Logger
	repeats *logs.Repeats
}

// NewLog returns a Log that writes to logger.
func NewLog(logger *slog.Logger) *Log { return &Log{logger, logs.NewRepeats(logger)} }

// Flush logs how many repeated records were omitted in the last second.
func (l *Log) Flush() { l.repeats.Flush() }

// Record describes an answered request. It holds no path, header or body.
type Record struct {
	Level   slog.Level
	Service string // "" unless it has authenticated
	Method  string
	Route   string
	Status  int
	Cause   string // of an error of the server
	ID      string
	Remote  string
	Took    time.Duration
	Size    int
	Stack   string // of a panic
}

// Write logs r, or counts it as a repeated record.
func (l *Log) Write(ctx context.Context, r Record) {
	kind := []slog.Attr{
		slog.String("service", r.Service),
		slog.String("method", r.Method),
		slog.String("route", r.Route),
		slog.Int("status", r.Status),
	}
	if r.Status >= http.StatusInternalServerError || r.Level == slog.LevelError {
		kind = append(kind, slog.String("cause", r.Cause))
	}
	rest := []slog.Attr{
		slog.String("id", r.ID),
		slog.String("remote", r.Remote),
		slog.Float64("duration_ms", float64(r.Took.Microseconds())/1000),
		slog.Int("size", r.Size),
	}
	if r.Stack != "" {
		rest = append(rest, slog.String("stack", r.Stack))
	}
	if r.Service != "" && r.Status < http.StatusBadRequest {
		l.logger.LogAttrs(ctx, r.Level, "request", append(kind, rest...)...)
		return
	}
	group := r.Service
	if r.Level == slog.LevelError {
		group = "errors" // a flood of strangers must not hide them
	}
	l.repeats.Log(ctx, logs.Record{Level: r.Level, Group: group, Message: "request", Kind: kind, Rest: rest})
}
