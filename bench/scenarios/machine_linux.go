package scenarios

import (
	"fmt"
	"io/fs"
	"syscall"
)

// filesystem returns the type of dir's file system, by its magic number in statfs(2).
func filesystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return unknown
	}
	names := map[uint32]string{
		0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs", 0x2fc12fc1: "zfs", 0xf2f52010: "f2fs",
	}
	if name := names[uint32(s.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", uint32(s.Type))
}

// allocated returns the space that a file occupies, without holes.
func allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
