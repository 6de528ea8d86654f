//go:build !linux

package scenarios

import "io/fs"

// filesystem returns the type of dir's file system, which only Linux reports here.
func filesystem(string) string { return "a file system of unknown type" }

// allocated returns the size of a file, including holes.
func allocated(info fs.FileInfo) int64 { return info.Size() }
