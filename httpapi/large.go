package httpapi

import (
	"context"
	"time"
)

// Limits of what large requests keep in memory, together: a body has up to 1 MiB, and its parts
// are copied some times; a page of values has up to 8 MiB.
const (
	largeBody    = 64 << 10 // bytes
	largeAtOnce  = 16
	largePatient = 10 * time.Second // a body has 30 seconds for all of it
)

// takeLarge waits until few enough large requests are under way; this one then counts until it is
// answered.
func (c *call) takeLarge() error {
	if c.large {
		return nil
	}
	patience := time.NewTimer(largePatient)
	defer patience.Stop()
	select {
	case c.api.large <- struct{}{}:
		c.large = true
		return nil
	case <-c.ctx().Done():
		return c.ctx().Err()
	case <-patience.C:
		return context.DeadlineExceeded
	}
}

// endLarge makes room for another one.
func (c *call) endLarge() {
	if c.large {
		<-c.api.large
	}
}
