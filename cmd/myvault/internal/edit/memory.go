// Package edit opens values in an editor, without a copy on a disk.
package edit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoMemory: the system has no file system in memory.
var ErrNoMemory = errors.New("this system has no file system in memory: name a directory for the value with --dir, which may leave a copy on the disk")

const prefix = "myvault-edit-"

// makeDir returns a new directory that only this user can open, in memory or below dir. Its name
// has the ID of this process, so that one that a killed process left can be found.
func makeDir(dir string) (string, error) {
	candidates := []string{dir}
	if dir == "" {
		candidates = memoryDirs()
	}
	var errs []error
	for _, parent := range candidates {
		removeStale(parent)
		made, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", prefix, os.Getpid())) // with mode 0700
		if err == nil {
			return made, nil
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return "", ErrNoMemory
}

// removeStale removes the directories of this user whose process has ended.
func removeStale(parent string) {
	found, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range found {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if pid, err := strconv.Atoi(id); err == nil && !isRunning(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}
