package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Run runs a program and returns its exit code. SIGINT and SIGTERM cancel the context, so that
// the program can remove unfinished files. Further signals are ignored, because timeout(1) sends
// two. The error then starts with stopped, which describes the state and the next step. SIGQUIT
// ends the program at once.
func Run(stopped string, program func(context.Context) error) (code int) {
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	err := program(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, StopError(ctx, err, stopped))
	return 1
}

// StopError prefixes err with stopped if err is due to the end of ctx.
func StopError(ctx context.Context, err error, stopped string) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("stopped: %s (%w)", stopped, err)
}
