//go:build !unix

package setup

import "io/fs"

// chownLike does nothing: such a system has no user ids.
func chownLike(string, fs.FileInfo) error { return nil }
