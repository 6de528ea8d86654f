package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
)

// TestUnavailableSaysWhatWasChanged checks that no command that makes several changes says that
// none was made.
func TestUnavailableSaysWhatWasChanged(t *testing.T) {
	is := is.New(t)
	err := fmt.Errorf("copy p/x: %w", myvault.ErrUnavailable)
	for _, c := range (&app{}).root().Commands() {
		a := &app{}
		_ = a.start(c, nil) // some require flags
		text := a.describe(t.Context(), err)
		is.Equal(strings.Contains(text, "nothing was changed"), c.GroupID != groupOperate)
		is.Equal(strings.Contains(text, "run the same command again"), c.GroupID == groupOperate)
	}
}

// TestStoppedSaysWhatToDo stops a command while a store does not answer. Nothing is added to the
// text of the command.
func TestStoppedSaysWhatToDo(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := fmt.Errorf("copy p/x: %w: %w", myvault.ErrUnavailable, ctx.Err())
	is.Equal((&app{}).describe(ctx, err), "stopped by a signal")
	text := (&app{}).describe(ctx, setup.StopError(ctx, err, "run it again"))
	is.True(strings.HasPrefix(text, "stopped: run it again"))
	is.True(!strings.Contains(text, "nothing was changed"))
}
