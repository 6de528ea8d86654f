//go:build !unix

package serve

import "math"

// openFiles returns how many files the process may have open: there is no such limit here.
func openFiles() int { return math.MaxInt }
