//go:build unix

package directory

import (
	"io/fs"
	"syscall"
)

// linksOf returns how many names a file has, or 0 if that is unknown.
func linksOf(info fs.FileInfo) uint64 {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0
	}
	return uint64(stat.Nlink)
}
