//go:build unix

package cli

import (
	"os"
	"syscall"
)

var (
	brokenPipe = []os.Signal{syscall.SIGPIPE}
	hangups    = []os.Signal{syscall.SIGHUP, syscall.SIGQUIT}
)
