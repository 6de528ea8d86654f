//go:build unix

package crypto

import "io/fs"

// private reports whether only the owner can read or write the file.
func private(mode fs.FileMode) bool { return mode.Perm()&0o066 == 0 }
