//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

// linksOf returns how many names a file has; 0 where that is not known.
func linksOf(info fs.FileInfo) uint64 {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0
	}
	return uint64(stat.Nlink)
}
