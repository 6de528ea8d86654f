//go:build unix

package setup

import (
	"io/fs"
	"os"
	"syscall"
)

// chownLike gives a file the owner and the group of another one, if they differ: a program that root
// runs must not lock the service out.
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
