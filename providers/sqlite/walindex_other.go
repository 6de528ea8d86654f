//go:build !linux || sqlite3_flock || sqlite3_dotlk

package sqlite

// walIndex is not used on this system: it may not be memory that is shared.
type walIndex struct{}

func openWALIndex(string) *walIndex { return nil }

func (*walIndex) is(*token) bool { return false }

func (*walIndex) read() (token, bool) { return token{}, false }
