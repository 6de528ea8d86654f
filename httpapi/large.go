package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Limits of what large requests keep in memory, together: a body has up to 1 MiB, and its parts
// are copied some times when it is whole; a page of values has up to 8 MiB. One service has at most a
// quarter of the places, so that none can keep others out.
const (
	largeBody    = 64 << 10         // bytes; so much of any body is read at once
	bodiesAtOnce = 32               // that are on their way
	largeAtOnce  = 16               // that are answered
	largePatient = 10 * time.Second // a body has 30 seconds for all of it
	largeShare   = 4                // what the places are divided by for one service
)

// shares are places of which one service has at most a part.
type shares struct {
	all  chan struct{} // holds one for each that is taken
	each int

	mu sync.Mutex
	of map[string]chan struct{} // by service, of which there are as many as a policy names
}

func newShares(places int) *shares {
	return &shares{all: make(chan struct{}, places), each: places / largeShare, of: make(map[string]chan struct{})}
}

// take waits for a place, which is given back with give.
func (s *shares) take(ctx context.Context, service string) error {
	patience := time.NewTimer(largePatient)
	defer patience.Stop()
	own := s.own(service)
	if err := enter(ctx, own, patience); err != nil {
		return err
	}
	if err := enter(ctx, s.all, patience); err != nil {
		<-own
		return err
	}
	return nil
}

func enter(ctx context.Context, places chan<- struct{}, patience *time.Timer) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return &problem{
			status: http.StatusServiceUnavailable, // its usual code is this one
			detail: "the server is busy with large requests, of this service or of all; nothing was changed, send fewer at once or try again later",
			retry:  retrySoon,
		}
	}
}

// give makes room for another one.
func (s *shares) give(service string) {
	<-s.all
	<-s.own(service)
}

func (s *shares) own(service string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[service] == nil {
		s.of[service] = make(chan struct{}, s.each)
	}
	return s.of[service]
}

// takeLarge waits until few enough large requests are under way; this one then counts until it is
// answered.
func (c *call) takeLarge() error {
	if c.large {
		return nil
	}
	c.conn.waits()
	defer c.conn.works()
	if err := c.api.large.take(c.ctx(), c.service()); err != nil {
		return err
	}
	c.large = true
	return nil
}

// endLarge makes room for another one.
func (c *call) endLarge() {
	if c.large {
		c.large = false
		c.api.large.give(c.service())
	}
}
