package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Run runs a program and returns its exit code. SIGINT and SIGTERM end the context, so that the
// program removes unfinished files; further ones change nothing, for timeout(1) sends two. The
// error then begins with stopped, which describes the state left behind and the next step.
// SIGQUIT ends the program at once.
func Run(stopped string, program func(context.Context) error) (code int) {
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	err := program(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, Told(ctx, err, stopped))
	return 1
}

// Told puts what stopped says before the error of a program whose context has ended.
func Told(ctx context.Context, err error, stopped string) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("stopped: %s (%w)", stopped, err)
}
