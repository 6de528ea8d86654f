package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals end the context of a command.
type signals struct {
	received chan os.Signal
	editing  atomic.Bool // an editor has the terminal: Ctrl-C is for it
}

// context returns a context that ends with the first signal. Its cause is a [signalError].
func (s *signals) context() (ctx context.Context, stop func()) {
	s.received = make(chan os.Signal, 1)
	signal.Notify(s.received, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		for got := range s.received {
			if number, ok := got.(syscall.Signal); ok && (got != os.Interrupt || !s.editing.Load()) {
				cancel(signalError(number))
			}
		}
	}()
	return ctx, func() {
		signal.Stop(s.received)
		cancel(nil)
	}
}

// edit prepares for an editor: its file must be removed whichever signal ends the command.
func (s *signals) edit() {
	s.editing.Store(true)
	for _, each := range hangups {
		if !signal.Ignored(each) { // nohup
			signal.Notify(s.received, each)
		}
	}
}

// signalError is the cause of a context that a signal has ended.
type signalError syscall.Signal

func (e signalError) Error() string { return fmt.Sprint("stopped by signal ", int(e)) }

// signalCode returns the exit code of a command that a signal has stopped: 128 and its number.
func signalCode(ctx context.Context, err error) (code int, stopped bool) {
	number, stopped := errors.AsType[signalError](context.Cause(ctx))
	return 128 + int(number), stopped && errors.Is(err, context.Canceled)
}
