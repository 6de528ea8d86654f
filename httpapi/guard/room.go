package guard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

const (
	roomWait  = 10 * time.Second // a whole body may take 30 seconds
	roomShare = 4                // one service has at most this part of a room
)

// Limits of the memory of large requests. A body has up to 1 MiB, and its parts are copied
// a few times once it is complete. A page of values has up to 8 MiB.
const (
	bodiesAtOnce = 32 // large bodies that are being received
	largeAtOnce  = 16 // large requests that are being answered
)

// Bodies is the room of large request bodies that are being received. All handlers that share g
// share it.
func (g *Guard) Bodies() *Room { return g.bodies }

// Large is the room of large requests that are being answered. All handlers that share g share
// it.
func (g *Guard) Large() *Room { return g.large }

// Room bounds how many requests do something at once. One service can use at most a quarter
// of it, so that none can keep others out.
type Room struct {
	all   chan struct{} // holds one element for each request
	quota int           // of one service

	mu       sync.Mutex
	services map[string]chan struct{} // at most as many as the policy names
}

// NewRoom returns a Room for size requests, at least one.
func NewRoom(size int) *Room {
	size = max(1, size)
	return &Room{all: make(chan struct{}, size), quota: max(1, size/roomShare), services: make(map[string]chan struct{})}
}

// Enter waits until there is room for a request of service, which must then call Leave.
// After ten seconds it returns an error: the answer is then 503.
func (r *Room) Enter(ctx context.Context, service string) error {
	timeout := time.NewTimer(roomWait)
	defer timeout.Stop()
	own := r.of(service)
	if err := enter(ctx, own, timeout); err != nil {
		return err
	}
	if err := enter(ctx, r.all, timeout); err != nil {
		<-own
		return err
	}
	return nil
}

func enter(ctx context.Context, slots chan<- struct{}, timeout *time.Timer) error {
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

// Leave ends a request that entered.
func (r *Room) Leave(service string) {
	<-r.all
	<-r.of(service)
}

func (r *Room) of(service string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.services[service] == nil {
		r.services[service] = make(chan struct{}, r.quota)
	}
	return r.services[service]
}
