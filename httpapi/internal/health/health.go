// Package health checks a vault for health probes.
package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

const (
	pingTimeout = 2 * time.Second
	pingFresh   = time.Second // how long a result is reused, so that a flood does not reach the store
)

// Check checks the vault, once at a time. Any number of probes may wait for one check, at
// no cost in memory if the store hangs.
type Check struct {
	ask     func(context.Context) error
	failure string // the message of the log
	logger  *slog.Logger

	mu      sync.Mutex
	asking  chan struct{} // closed when the check ends; nil: there is none
	checked time.Time
	good    bool
}

// New returns a Check that calls ask. It logs failure, a message, when ask begins to fail.
func New(ask func(context.Context) error, logger *slog.Logger, failure string) *Check {
	return &Check{ask: ask, logger: logger, failure: failure}
}

// Good returns the last result if it is fresh, else that of a new check. It returns false
// if that takes longer than pingTimeout.
func (c *Check) Good(ctx context.Context) bool {
	c.mu.Lock()
	if c.asking == nil {
		if time.Since(c.checked) < pingFresh {
			defer c.mu.Unlock()
			return c.good
		}
		c.asking = make(chan struct{})
		go c.update(context.WithoutCancel(ctx), c.asking)
	}
	answered := c.asking
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	select {
	case <-answered:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.good
	case <-ctx.Done():
		return false
	}
}

// update checks the store.
func (c *Check) update(ctx context.Context, answered chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := c.ask(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && (c.good || c.checked.IsZero()) {
		c.logger.LogAttrs(ctx, slog.LevelError, c.failure, slog.String("cause", causeText(err)))
	}
	c.good, c.checked, c.asking = err == nil, time.Now(), nil
	close(answered)
}

// causeText returns the text of err without the operation that the vault added.
func causeText(err error) string {
	if wrapped, ok := errors.AsType[*myvault.Error](err); ok {
		return wrapped.Err.Error()
	}
	return err.Error()
}
