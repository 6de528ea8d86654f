//go:build !linux

package themes

import "io/fs"

// filesystem names the type of the file system that dir is on.
func filesystem(string) string { return "a file system of unknown type" }

// allocated gives the size of a file, holes counted.
func allocated(info fs.FileInfo) int64 { return info.Size() }
