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
	window   = time.Second // in which records of one kind count as repeats
	maxKinds = 32          // that one group may have in a window; further ones count together
)

// Repeats logs the first record of a kind at once, and counts the others of the same second in one
// record at its end. So a group of callers causes at most 66 lines a second.
type Repeats struct {
	logger *slog.Logger

	mu     sync.Mutex
	open   map[kind]*repeat
	groups map[string]int // how many kinds of a group are open
}

// Record is what is logged.
type Record struct {
	Level   slog.Level
	Group   string // of callers; each has a separate bound
	Message string
	Kind    []slog.Attr // with Group and Message, what equal records have in common
	Rest    []slog.Attr // shown in the first record of a kind alone
}

type kind struct{ group, text string }

// repeat counts the records of a kind behind the first.
type repeat struct {
	record Record
	more   uint64
	timer  *time.Timer
}

// NewRepeats returns a Repeats that writes to logger.
func NewRepeats(logger *slog.Logger) *Repeats {
	return &Repeats{logger: logger, open: make(map[kind]*repeat), groups: make(map[string]int)}
}

// Log logs a record, or counts it.
func (r *Repeats) Log(ctx context.Context, record Record) {
	if r.logger.Enabled(ctx, record.Level) && r.first(record) {
		r.logger.LogAttrs(ctx, record.Level, record.Message, append(record.Kind[:len(record.Kind):len(record.Kind)], record.Rest...)...)
	}
}

// first counts a record, and reports whether it is the first of its kind.
func (r *Repeats) first(record Record) bool {
	k := kind{record.Group, fmt.Sprint(record.Message, record.Kind)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[k] == nil && r.groups[k.group] >= maxKinds {
		k.text = ""
		record.Message, record.Kind = "records of other kinds", nil
	}
	if open := r.open[k]; open != nil {
		open.more++
		return false
	}
	record.Rest = nil
	open := &repeat{record: record}
	open.timer = time.AfterFunc(window, func() { r.end(k, open) })
	r.open[k] = open
	r.groups[k.group]++
	return true
}

// end closes the window of a kind, and logs how many records there were besides the first.
func (r *Repeats) end(k kind, open *repeat) {
	r.mu.Lock()
	ended := r.open[k] == open
	if ended {
		delete(r.open, k)
		if r.groups[k.group]--; r.groups[k.group] == 0 {
			delete(r.groups, k.group)
		}
	}
	more := open.more
	r.mu.Unlock()
	if !ended || more == 0 {
		return
	}
	attrs := append([]slog.Attr{slog.String("like", open.record.Message), slog.Uint64("more", more)}, open.record.Kind...)
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

// maxDetail is how many bytes of a line's detail are logged.
const maxDetail = 300

// Lines returns a writer for a [log.Logger] without flags, such as [net/http.Server.ErrorLog]. Each
// write is one record at level WARN. Its message is the text up to the first quote, bracket or
// digit, which is its kind too. The rest may hold anything; unless details is set, it is left out.
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
