//go:build !linux || sqlite3_flock || sqlite3_dotlk

package fresh

// WALIndex is not used on this system: it may not be memory that is shared.
type WALIndex struct{}

// OpenWALIndex returns nil.
func OpenWALIndex(string) *WALIndex { return nil }

func (*WALIndex) is(*token) bool { return false }

func (*WALIndex) Read() (token, bool) { return token{}, false }
