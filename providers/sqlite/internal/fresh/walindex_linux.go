//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package fresh

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// WALIndex is the header of a database's WAL-index, in the memory that the connections of all
// processes share. Each commit changes it before it returns. The header stands there twice;
// a writer writes the second copy first, a reader reads them the other way round.
// https://sqlite.org/walformat.html#walidxfmt
//
// SQLite documents the format, but not as an interface. So it is checked before it is used,
// and again at each commit of this process.
type WALIndex struct {
	Words *[2 * HeaderWords]uint64
	bytes []byte
}

// walIndexVersion has not changed since WAL mode is there.
const walIndexVersion = 3007000

// OpenWALIndex maps the header of the WAL-index at path, which a connection must have open.
// Nil where it is not what the format says, or where the engine has not mapped this very
// file to share it. The memory is given back once nobody can use the index any more, not at
// a Close: readers take no lock.
func OpenWALIndex(path string) *WALIndex {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer f.Close() // the engine's locks are of its own descriptor, and so not lost by this
	if info, err := f.Stat(); err != nil || info.Size() < 2*HeaderWords*8 {
		return nil // memory behind a file's end must not be touched
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 2*HeaderWords*8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	x := &WALIndex{Words: (*[2 * HeaderWords]uint64)(unsafe.Pointer(&b[0])), bytes: b}
	runtime.AddCleanup(x, func(b []byte) { _ = syscall.Munmap(b) }, b)
	if _, ok := x.Read(); !ok || !x.shared() {
		return nil
	}
	return x
}

// shared reports whether the engine has mapped the same file writable to share it, as the
// kernel lists it. Shared mappings of one file are the same memory.
func (x *WALIndex) shared() bool {
	list, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return false
	}
	ours := fmt.Appendf(nil, "%08x-", uintptr(unsafe.Pointer(x.Words)))
	var file string // device and inode
	var writable []string
	for line := range bytes.Lines(list) {
		// address, permissions, offset, device, inode, path
		if _, rest, _ := bytes.Cut(line, []byte(" ")); !bytes.HasPrefix(rest, []byte("rw-s")) && !bytes.HasPrefix(line, ours) {
			continue // nearly all of a hundred
		}
		fields := strings.Fields(string(line))
		if len(fields) < 5 || strings.Trim(fields[2], "0") != "" {
			continue
		}
		switch of := fields[3] + " " + fields[4]; {
		case bytes.HasPrefix(line, ours):
			file = of
		case fields[1] == "rw-s":
			writable = append(writable, of)
		}
	}
	for _, of := range writable {
		if of == file {
			return true
		}
	}
	return false
}

// is reports whether both copies are t.
func (x *WALIndex) is(t *token) bool {
	same := true
	for i := range t {
		same = same && atomic.LoadUint64(&x.Words[i]) == t[i] && atomic.LoadUint64(&x.Words[HeaderWords+i]) == t[i]
	}
	runtime.KeepAlive(x)
	return same
}

// Read gives the header. False while a writer is at it, or died there, and where it is not
// what the format says.
func (x *WALIndex) Read() (t token, ok bool) {
	for range 100 {
		for i := range t {
			t[i] = atomic.LoadUint64(&x.Words[i])
		}
		if x.is(&t) {
			return t, t.valid()
		}
		runtime.Gosched()
	}
	return t, false
}

// valid reports whether a header is initialized, of the version known, and under its checksum.
func (t *token) valid() bool {
	var b [HeaderWords * 8]byte
	for i, word := range t {
		binary.NativeEndian.PutUint64(b[8*i:], word)
	}
	at := func(i int) uint32 { return binary.NativeEndian.Uint32(b[i:]) }
	var s1, s2 uint32
	for i := 0; i < 40; i += 8 {
		s1 += at(i) + s2
		s2 += at(i+4) + s1
	}
	return at(0) == walIndexVersion && b[12] == 1 && at(40) == s1 && at(44) == s2
}
