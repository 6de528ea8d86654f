//go:build !(linux || darwin) || sqlite3_flock || sqlite3_dotlk

package wal

// watchOverwrites returns nil. On these systems a file's time may change later than its content,
// or the WAL-index is not a file.
func watchOverwrites(string) (w *overwriteWatch, close func()) { return nil, func() {} }
