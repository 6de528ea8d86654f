package themes

import (
	"fmt"
	"io/fs"
	"syscall"
)

// filesystem names the type of the file system that dir is on, by its number in statfs(2).
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

// allocated gives what a file takes on the disk, holes left out.
func allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
