//go:build (linux || darwin) && !sqlite3_flock && !sqlite3_dotlk

package wal

import (
	"encoding/binary"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// watchOverwrites watches the file of that path, which a connection has open; nil if its WAL-index
// is no file. The descriptors stay open until close: a WAL-index that is closed may lose the locks
// that this process has on it.
func watchOverwrites(path string) (w *OverwriteWatch, close func()) {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return nil, func() {}
	}
	unwatch := func() { _ = index.Close() }
	if info, err := index.Stat(); err != nil || info.Size() < indexSize {
		return nil, unwatch // memory behind a file's end must not be touched
	}
	// Reading it as a file would be two system calls more for each commit.
	b, err := syscall.Mmap(int(index.Fd()), 0, indexSize, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, unwatch
	}
	log, err := os.Open(path + "-wal")
	if err != nil {
		return nil, func() { _ = syscall.Munmap(b); unwatch() }
	}
	words := (*[indexSize / 4]uint32)(unsafe.Pointer(&b[0]))
	w = &OverwriteWatch{
		Read: func() (IndexState, bool) {
			var b [indexSize]byte
			for i := range words {
				binary.NativeEndian.PutUint32(b[4*i:], atomic.LoadUint32(&words[i]))
			}
			return parseIndexState(b[:])
		},
		log: func(b []byte, at int64) error {
			_, err := log.ReadAt(b, at)
			return err
		},
		Stat: func() (fs.FileInfo, error) { return os.Lstat(path) },
	}
	return w, func() {
		w.end()
		_ = syscall.Munmap(b)
		_ = log.Close()
		unwatch()
	}
}
