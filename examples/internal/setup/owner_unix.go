//go:build unix

package setup

import (
	"io/fs"
	"os"
	"syscall"
)

// chownLike sets the owner and the group of a file to those of another one: a program run as root
// must not lock the service out.
func chownLike(path string, like fs.FileInfo) error {
	want, known := like.Sys().(*syscall.Stat_t)
	info, err := os.Lstat(path)
	if err != nil || !known {
		return err
	}
	have := info.Sys().(*syscall.Stat_t)
	if have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return os.Lchown(path, int(want.Uid), int(want.Gid))
}
