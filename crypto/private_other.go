//go:build !unix

package crypto

import "io/fs"

// private is true: the mode bits of such a system say nothing about who can read a file.
func private(fs.FileMode) bool { return true }
