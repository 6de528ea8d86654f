//go:build linux || darwin

package operate

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// leastFree is the free space that a store should have, in MiB.
const leastFree = 100

func checkDisk(dir string) (string, error) {
	var stat unix.Statfs_t
	err := unix.Statfs(dir, &stat)
	if errors.Is(err, fs.ErrNotExist) {
		return "no directory " + dir, errSkipped
	}
	if err != nil {
		return "", err
	}
	free := stat.Bavail * uint64(stat.Bsize) >> 20
	if free < leastFree {
		return "", fmt.Errorf("only %d MiB are free for %s: free some, for example with myvault prune", free, dir)
	}
	return fmt.Sprintf("%d MiB free", free), nil
}
