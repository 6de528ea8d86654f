//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package sqlite

import (
	"encoding/binary"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fresh"
)

// FreezeWALIndex points the store to a copy of the WAL-index, which no commit changes.
func (s *Store) FreezeWALIndex() {
	words := *s.fresh.Index.Load().Words
	s.fresh.Index.Store(&fresh.WALIndex{Words: &words})
}

// ValidHeader reports whether the first bytes of a WAL-index would be believed.
func ValidHeader(b []byte) bool {
	x := &fresh.WALIndex{Words: new([2 * fresh.HeaderWords]uint64)}
	for i := range x.Words {
		x.Words[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	_, ok := x.Read()
	return ok
}

// OpensWALIndex reports whether the file at path would be used.
func OpensWALIndex(path string) bool { return fresh.OpenWALIndex(path) != nil }
