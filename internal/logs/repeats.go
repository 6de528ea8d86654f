package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	window   = time.Second // records of one kind within it are repeats
	maxKinds = 32          // kinds of a group in a window; further kinds are counted together
)

// Repeats logs the first record of a kind at once. It counts the repeats within a second and logs
// their number at the end. A group therefore causes at most 66 lines a second.
type Repeats struct {
	logger *slog.Logger

	mu     sync.Mutex
	open   map[kind]*repeat
	groups map[string]int // how many kinds of a group are open
}

// Record is a log record.
type Record struct {
	Level   slog.Level
	Group   string // a group of callers; each has a separate limit
	Message string
	Kind    []slog.Attr // records with equal Group, Message and Kind are repeats
	Rest    []slog.Attr // logged only with the first record of a kind
}

type kind struct{ group, text string }

// repeat counts the repeats of a record.
type repeat struct {
	record Record
	count  uint64
	timer  *time.Timer
}

// NewRepeats returns a Repeats that writes to logger.
func NewRepeats(logger *slog.Logger) *Repeats {
	return &Repeats{logger: logger, open: make(map[kind]*repeat), groups: make(map[string]int)}
}

// Log logs a record, or counts it.
func (r *Repeats) Log(ctx context.Context, record Record) {
	if r.logger.Enabled(ctx, record.Level) && r.isFirst(record) {
		r.logger.LogAttrs(ctx, record.Level, record.Message, append(record.Kind[:len(record.Kind):len(record.Kind)], record.Rest...)...)
	}
}

// isFirst counts a record, and reports whether it is the first of its kind.
func (r *Repeats) isFirst(record Record) bool {
	k := kind{record.Group, fmt.Sprint(record.Message, record.Kind)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[k] == nil && r.groups[k.group] >= maxKinds {
		k.text = ""
		record.Message, record.Kind = "records of other kinds", nil
	}
	if open := r.open[k]; open != nil {
		open.count++
		return false
	}
	record.Rest = nil
	open := &repeat{record: record}
	open.timer = time.AfterFunc(window, func() { r.end(k, open) })
	r.open[k] = open
	r.groups[k.group]++
	return true
}

// end closes the window of a kind, and logs the number of repeats.
func (r *Repeats) end(k kind, open *repeat) {
	r.mu.Lock()
	ended := r.open[k] == open
	if ended {
		delete(r.open, k)
		if r.groups[k.group]--; r.groups[k.group] == 0 {
			delete(r.groups, k.group)
		}
	}
	count := open.count
	r.mu.Unlock()
	if !ended || count == 0 {
		return
	}
	attrs := append([]slog.Attr{slog.String("like", open.record.Message), slog.Uint64("more", count)}, open.record.Kind...)
	r.logger.LogAttrs(context.Background(), open.record.Level, "more like this in the same second", attrs...)
}

// Flush ends all windows now.
func (r *Repeats) Flush() {
	r.mu.Lock()
	open := make(map[kind]*repeat, len(r.open))
	for k, one := range r.open {
		open[k] = one
	}
	r.mu.Unlock()
	for k, one := range open {
		one.timer.Stop()
		r.end(k, one)
	}
}

// maxDetail is the maximum size of a message or detail in [Repeats.Lines], in bytes.
const maxDetail = 300

// Lines returns a writer for a [log.Logger] without flags, such as [net/http.Server.ErrorLog]. Each
// write is one record at level WARN. The text up to the first quote, bracket or digit is its
// message and kind. The rest may contain secrets, and is logged only if details is set.
func (r *Repeats) Lines(group string, details bool) io.Writer { return lines{r, group, details} }

type lines struct {
	to      *Repeats
	group   string
	details bool
}

func (l lines) Write(text []byte) (int, error) {
	line := strings.TrimSpace(string(text))
	message, detail := line, ""
	if i := strings.IndexAny(line, "\"'`[{(<0123456789\n"); i >= 0 {
		message, detail = line[:i], line[i:]
	}
	record := Record{Level: slog.LevelWarn, Group: l.group, Message: strings.TrimSpace(message[:min(len(message), maxDetail)])}
	if l.details && detail != "" {
		record.Rest = []slog.Attr{slog.String("detail", detail[:min(len(detail), maxDetail)])}
	}
	l.to.Log(context.Background(), record)
	return len(text), nil
}
