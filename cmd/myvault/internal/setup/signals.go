package setup

import (
	"context"
	"errors"
	"fmt"
)

// StopError prefixes err with stopped, which describes the state and the next step, if err is due
// to the end of ctx.
func StopError(ctx context.Context, err error, stopped string) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("stopped: %s (%w)", stopped, err)
}
