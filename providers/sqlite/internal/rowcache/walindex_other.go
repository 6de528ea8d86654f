//go:build !linux || sqlite3_flock || sqlite3_dotlk

package rowcache

// walIndex is not used on this system, where the WAL-index may not be shared memory.
type walIndex struct{}

// openWALIndex returns nil.
func openWALIndex(string) *walIndex { return nil }

func (*walIndex) matches(*token) bool { return false }

// read returns false.
func (*walIndex) read() (token, bool) { return token{}, false }
