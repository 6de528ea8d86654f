//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

// writable reports whether others than the owner can write.
func writable(mode fs.FileMode) bool { return mode.Perm()&0o022 != 0 }

// ownerOf gives the id of the user whom a file belongs to.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(stat.Uid), true
}
