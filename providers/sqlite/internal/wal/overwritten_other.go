//go:build !(linux || darwin) || sqlite3_flock || sqlite3_dotlk

package wal

// watchOverwrites watches nothing: such a system may change the time of a file later than the file,
// or has no WAL-index in a file.
func watchOverwrites(string) (w *OverwriteWatch, close func()) { return nil, func() {} }
