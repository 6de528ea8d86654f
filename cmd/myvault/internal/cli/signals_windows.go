package cli

import "os"

// Windows has no SIGPIPE. With no signals, Notify would catch all of them.
var brokenPipe = []os.Signal{os.Interrupt}

var hangups []os.Signal
