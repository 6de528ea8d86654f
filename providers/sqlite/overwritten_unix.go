//go:build (linux || darwin) && !sqlite3_flock && !sqlite3_dotlk

package sqlite

import (
	"io/fs"
	"os"
)

// watchOverwrites watches the file of that path, which a connection has open; nil if its WAL-index
// is no file. The descriptors stay open until close: a WAL-index that is closed may lose the locks
// that this process has on it.
func watchOverwrites(path string) (w *overwriteWatch, close func()) {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return nil, func() {}
	}
	log, err := os.Open(path + "-wal")
	if err != nil {
		return nil, func() { _ = index.Close() }
	}
	w = &overwriteWatch{
		read: func() (logState, bool) {
			var b [indexSize]byte
			if _, err := index.ReadAt(b[:], 0); err != nil {
				return logState{}, false
			}
			return parseLogState(b[:])
		},
		log: func(b []byte, at int64) error {
			_, err := log.ReadAt(b, at)
			return err
		},
		stat: func() (fs.FileInfo, error) { return os.Lstat(path) },
	}
	return w, func() { _, _ = index.Close(), log.Close() }
}
