//go:build !unix

package directory

import "io/fs"

// Links returns 0, which means unknown.
func Links(fs.FileInfo) uint64 { return 0 }
