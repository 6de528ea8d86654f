package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// repeatsFor is how long requests count as repeats of the first.
const repeatsFor = time.Second

// repeats keeps those who cannot log in from filling the log: of their refused requests of one kind in a
// second the first has a line, and the others are counted in one line when the second is over.
type repeats struct {
	logger *slog.Logger

	mu   sync.Mutex
	more map[repeat]int // of those whose first one has its line
}

// repeat is a kind of requests. There are no more of them than routes, methods and statuses.
type repeat struct {
	method, route string
	status        int
}

// counts reports whether a request was only counted: a refused one of a caller who is not known, and not the first.
func (r *repeats) counts(c *call, status int) bool {
	if c.session != nil || status < http.StatusBadRequest || status >= http.StatusInternalServerError {
		return false
	}
	kind := repeat{c.knownMethod(), c.pattern(), status}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, begun := r.more[kind]; begun {
		r.more[kind] = n + 1
		return true
	}
	if r.more == nil {
		r.more = make(map[repeat]int)
	}
	r.more[kind] = 0
	time.AfterFunc(repeatsFor, func() { r.end(kind) })
	return false
}

// end writes how many there were besides the first.
func (r *repeats) end(kind repeat) {
	r.mu.Lock()
	more := r.more[kind]
	delete(r.more, kind)
	r.mu.Unlock()
	if more > 0 {
		r.logger.LogAttrs(context.Background(), slog.LevelInfo, "more requests like this in the same second",
			slog.String("method", kind.method), slog.String("route", kind.route), slog.Int("status", kind.status), slog.Int("more", more))
	}
}
