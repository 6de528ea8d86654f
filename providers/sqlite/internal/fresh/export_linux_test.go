//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package fresh

import "encoding/binary"

// Freeze has v read a copy of the WAL-index, which no commit changes.
func (v *Validator) Freeze() {
	words := *v.Index.Load().Words
	v.Index.Store(&WALIndex{Words: &words})
}

// ValidHeader reports whether the first bytes of a WAL-index would be believed.
func ValidHeader(b []byte) bool {
	x := &WALIndex{Words: new([2 * HeaderWords]uint64)}
	for i := range x.Words {
		x.Words[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	_, ok := x.Read()
	return ok
}

// OpensWALIndex reports whether the file at path would be used.
func OpensWALIndex(path string) bool { return OpenWALIndex(path) != nil }
