package edit

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryDirs returns the directories in memory that this user can write to.
func memoryDirs() (dirs []string) {
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		var fs unix.Statfs_t
		if dir == "" || unix.Statfs(dir, &fs) != nil {
			continue
		}
		if kind := int64(fs.Type); kind != unix.TMPFS_MAGIC && kind != unix.RAMFS_MAGIC {
			continue
		}
		if unix.Access(dir, unix.W_OK) == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func isRunning(pid int) bool { return unix.Kill(pid, 0) != unix.ESRCH }
