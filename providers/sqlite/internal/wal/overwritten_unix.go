//go:build (linux || darwin) && !sqlite3_flock && !sqlite3_dotlk

package wal

import (
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

// watchOverwrites returns a watch for the database at path, which must be open in a connection.
// If the WAL-index is not a file, w is nil. The descriptors stay open until close: closing the
// WAL-index can drop the locks that this process has on it.
func watchOverwrites(path string) (w *overwriteWatch, close func()) {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return nil, func() {}
	}
	unwatch := func() { _ = index.Close() }
	if info, err := index.Stat(); err != nil || info.Size() < indexSize {
		return nil, unwatch // accessing mapped memory beyond the end of a file crashes
	}
	// Mapping it saves two system calls for each commit.
	b, err := syscall.Mmap(int(index.Fd()), 0, indexSize, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, unwatch
	}
	log, err := os.Open(path + "-wal")
	if err != nil {
		return nil, func() { _ = syscall.Munmap(b); unwatch() }
	}
	w = &overwriteWatch{
		read: (*mappedIndex)(unsafe.Pointer(&b[0])).read,
		readLog: func(b []byte, at int64) error {
			_, err := log.ReadAt(b, at)
			return err
		},
		stat: func() (fs.FileInfo, error) { return os.Lstat(path) },
	}
	return w, func() {
		w.stop()
		_ = syscall.Munmap(b)
		_ = log.Close()
		unwatch()
	}
}
