package cli

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/myswiftagent/myvault"
)

// remedies are what a user does about an error, most specific first.
var remedies = []struct {
	err    error
	remedy string
}{
	{myvault.ErrUnauthenticated, "check the service and its token (--service, --token-file)"},
	{myvault.ErrDenied, "myvault explain shows the rule that decides"},
	{myvault.ErrConflict, "it was changed meanwhile; see myvault history, and repeat with the new version"},
	{myvault.ErrExists, "omit --if-absent to write a new version"},
	{myvault.ErrDestroyed, "myvault history shows the versions that are left"},
	{myvault.ErrNotEmpty, "delete its secrets first; myvault list shows them"},
	{myvault.ErrUnknownOutcome, "see myvault history"},
	{myvault.ErrUnavailable, nothingChanged},
	{myvault.ErrWrongKey, "set MSA_MASTER_KEY_FILE to the key of this store, or use an older one that rekey has kept"},
	{myvault.ErrTampered, "run myvault verify"},
	{syscall.ENOSPC, "the disk is full: free some space and try again"},
	{fs.ErrPermission, "run it as the user that owns the file"},
}

// The remedies of a store that is unavailable. Commands of one change have made none, but those
// that work on a whole store may have made some.
const (
	nothingChanged = "nothing was changed; try again, or run myvault health"
	maybeChanged   = "a part may be done; run the same command again"
)

// describe returns the text of an error, with what to do about it.
func (a *app) describe(ctx context.Context, err error) string {
	text := strings.TrimPrefix(err.Error(), "myvault: ")
	_, advised := errors.AsType[advice](err)
	switch {
	case advised, strings.HasPrefix(text, "stopped: "): // see setup.StopError
		return text
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return "stopped by a signal"
	}
	for _, r := range remedies {
		if !errors.Is(err, r.err) {
			continue
		}
		if a.wholeStore && r.remedy == nothingChanged {
			r.remedy = maybeChanged
		}
		if !strings.Contains(text, r.remedy) {
			return text + ": " + r.remedy
		}
	}
	return text
}

// advice is an error whose text already says what to do.
type advice struct{ error }

func (a advice) Unwrap() error { return a.error }
