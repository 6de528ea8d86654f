package server

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// signalWindow is the time within which two signals count as one. Some programs, such as
// timeout(1), send a signal twice.
const signalWindow = 20 * time.Millisecond

// stopper stops the server: gracefully on the first SIGINT or SIGTERM, at once on the second.
type stopper struct {
	cleanUp atomic.Pointer[func()] // called on the second signal, unless nil
}

// watch returns a context that ends with the first signal. On the second, it exits with code 1.
func (s *stopper) watch() context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		first := time.Now()
		end()
		for range signals {
			if time.Since(first) >= signalWindow {
				break
			}
		}
		if cleanUp := s.cleanUp.Load(); cleanUp != nil {
			runWithTimeout(flushTimeout, *cleanUp)
		}
		os.Exit(1)
	}()
	return ctx
}

// runWithTimeout calls f and returns once f has returned or the timeout is over.
func runWithTimeout(timeout time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}
