//go:build !unix

package sqlite

import "io/fs"

// writable is false: the mode bits of such a system say nothing about who can write.
func writable(fs.FileMode) bool { return false }

// ownerOf knows no owner: such a system has no user ids.
func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }
