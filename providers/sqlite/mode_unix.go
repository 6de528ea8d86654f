//go:build unix

package sqlite

import "io/fs"

// writable reports whether others than the owner can write.
func writable(mode fs.FileMode) bool { return mode.Perm()&0o022 != 0 }
