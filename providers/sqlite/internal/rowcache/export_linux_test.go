//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package rowcache

import "encoding/binary"

// Freeze has v read a copy of the WAL-index, which no commit changes.
func (v *Validator) Freeze() {
	words := *v.index.Load().words
	v.index.Store(&walIndex{words: &words})
}

// ValidHeader reports whether the first bytes of a WAL-index would be believed.
func ValidHeader(b []byte) bool {
	x := &walIndex{words: new([2 * headerWords]uint64)}
	for i := range x.words {
		x.words[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	_, ok := x.read()
	return ok
}

// OpensWALIndex reports whether the file at path would be used.
func OpensWALIndex(path string) bool { return openWALIndex(path) != nil }
