package directory

import "syscall"

// InMemory reports whether a directory is on tmpfs or ramfs (statfs(2)).
func InMemory(dir string) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return err == nil && (uint32(s.Type) == tmpfs || uint32(s.Type) == ramfs)
}
