package operate

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/term"

	"github.com/myswiftagent/myvault/providers/sqlite"
)

// progressInterval is how often a line of progress changes.
const progressInterval = 100 * time.Millisecond

// progress returns a function that shows how far a command has come, on one line of a terminal. An
// empty text removes the line. If standard error is no terminal, it shows nothing.
func (p *Program) progress() func(format string, args ...any) {
	if p.Err == nil || !term.IsTerminal(int(p.Err.Fd())) {
		return silent
	}
	var last time.Time
	return func(format string, args ...any) {
		if format != "" && time.Since(last) < progressInterval {
			return
		}
		last = time.Now()
		fmt.Fprintf(p.Err, "\r"+format+"\x1b[K", args...)
	}
}

// withProgress calls a function that verifies something, and shows how far it has come.
func withProgress(ctx context.Context, show func(string, ...any), verify func(context.Context) (fmt.Stringer, error)) (fmt.Stringer, error) {
	defer show("")
	return verify(sqlite.WithVerifyProgress(ctx, func(done, total uint64) {
		if done < total {
			show("%d %% verified", 100*done/total)
			return
		}
		show("checking the files")
	}))
}

// silent shows no progress.
func silent(string, ...any) {}
