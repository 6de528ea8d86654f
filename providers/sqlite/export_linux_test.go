//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package sqlite

import (
	"encoding/binary"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
)

// FreezeWALIndex points the store to a copy of the WAL-index, which no commit changes.
func (s *Store) FreezeWALIndex() {
	words := *s.validator.Index.Load().Words
	s.validator.Index.Store(&rowcache.WALIndex{Words: &words})
}

// ValidHeader reports whether the first bytes of a WAL-index would be believed.
func ValidHeader(b []byte) bool {
	x := &rowcache.WALIndex{Words: new([2 * rowcache.HeaderWords]uint64)}
	for i := range x.Words {
		x.Words[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	_, ok := x.Read()
	return ok
}

// OpensWALIndex reports whether the file at path would be used.
func OpensWALIndex(path string) bool { return rowcache.OpenWALIndex(path) != nil }
