//go:build !linux || sqlite3_flock || sqlite3_dotlk

package rowcache

// WALIndex is not used on this system, where the WAL-index may not be shared memory.
type WALIndex struct{}

// OpenWALIndex returns nil.
func OpenWALIndex(string) *WALIndex { return nil }

func (*WALIndex) matches(*token) bool { return false }

// Read returns false.
func (*WALIndex) Read() (token, bool) { return token{}, false }
