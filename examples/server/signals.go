package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// oneSignal is how close together two signals count as one: some programs, such as timeout, send
// the process the same signal twice.
const oneSignal = 20 * time.Millisecond

// stopper ends the server: in order at the first SIGINT or SIGTERM, at once at the second.
type stopper struct {
	cleanUp atomic.Pointer[func()] // runs at the second; nil: nothing to clean up
}

// watch returns a context that ends at the first signal. At the second the process ends with code
// 1.
func (s *stopper) watch() context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		first := time.Now()
		end()
		for range signals {
			if time.Since(first) >= oneSignal {
				break
			}
		}
		if cleanUp := s.cleanUp.Load(); cleanUp != nil {
			within(flushTimeout, *cleanUp)
		}
		os.Exit(1)
	}()
	return ctx
}

// within waits until f has ended, at most for the given time.
func within(wait time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(wait):
	}
}
