//go:build !linux

package peers

import "os"

// syncData waits until the bytes of f are on the disk.
func syncData(f *os.File) error { return f.Sync() }
