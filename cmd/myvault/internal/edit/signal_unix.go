//go:build unix

package edit

import "syscall"

// hangup asks an editor to end.
const hangup = syscall.SIGHUP
