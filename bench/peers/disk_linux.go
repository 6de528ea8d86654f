package peers

import (
	"os"
	"syscall"
)

// syncData waits until the bytes of f are on the disk.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
