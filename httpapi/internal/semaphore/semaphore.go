// Package semaphore bounds how many requests do something at once, such as hold a large body in
// memory. It knows services by name, and no request.
package semaphore

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

const (
	acquireTimeout = 10 * time.Second // a whole body may take 30 seconds
	serviceShare   = 4                // one service has at most this part of the slots
)

// Semaphore has a number of slots. One service can use at most a quarter of them, so that none
// can keep others out. It is safe for concurrent use.
type Semaphore struct {
	all   chan struct{} // holds one element for each slot in use
	quota int           // of one service

	mu       sync.Mutex
	services map[string]chan struct{} // at most as many as the policy names
}

// New returns a Semaphore with size slots, at least one.
func New(size int) *Semaphore {
	size = max(1, size)
	return &Semaphore{all: make(chan struct{}, size), quota: max(1, size/serviceShare), services: make(map[string]chan struct{})}
}

// Acquire waits for a slot for service. If it returns nil, the caller must call Release. After ten
// seconds it returns an error, for which the response is 503. If ctx ends first, it returns the
// error of ctx.
func (s *Semaphore) Acquire(ctx context.Context, service string) error {
	timeout := time.NewTimer(acquireTimeout)
	defer timeout.Stop()
	own := s.of(service)
	if err := acquire(ctx, own, timeout); err != nil {
		return err
	}
	if err := acquire(ctx, s.all, timeout); err != nil {
		<-own
		return err
	}
	return nil
}

func acquire(ctx context.Context, slots chan<- struct{}, timeout *time.Timer) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return &problem.Problem{
			Status: http.StatusServiceUnavailable,
			Detail: "the server is busy with large requests and nothing was changed: send fewer at once or retry later",
			Retry:  "1",
		}
	}
}

// Release frees a slot that service has acquired.
func (s *Semaphore) Release(service string) {
	<-s.all
	<-s.of(service)
}

func (s *Semaphore) of(service string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.services[service] == nil {
		s.services[service] = make(chan struct{}, s.quota)
	}
	return s.services[service]
}
