//go:build unix

package directory

import (
	"io/fs"
	"syscall"
)

// Links returns the number of hard links of a file, or 0 if it is unknown.
func Links(info fs.FileInfo) uint64 {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0
	}
	return uint64(stat.Nlink)
}
