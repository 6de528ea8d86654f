//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package rowcache

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

// walIndex is the header of the WAL-index of a database, in memory that the connections of all
// processes share. Each commit changes it before it returns. The header is stored twice. A writer
// writes the second copy first; a reader reads the first copy first.
// https://sqlite.org/walformat.html#walidxfmt
//
// SQLite documents the format, but not as an interface. openWALIndex therefore checks it, and the
// Validator checks at each commit of this process that the header has changed.
type walIndex struct {
	words *[2 * headerWords]uint64
	bytes []byte
}

// walIndexVersion has not changed since SQLite introduced WAL mode.
const walIndexVersion = 3007000

// openWALIndex maps the header of the WAL-index at path, which a connection must have open. It
// returns nil if the header does not follow the format, or if SQLite has not mapped the same file
// as shared memory. There is no Close, because readers use no lock: the memory is unmapped once the
// walIndex is unreachable.
func openWALIndex(path string) *walIndex {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer f.Close() // closing it does not drop SQLite's locks, which belong to another descriptor
	if info, err := f.Stat(); err != nil || info.Size() < 2*headerWords*8 {
		return nil // touching a mapping beyond the end of the file raises SIGBUS
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 2*headerWords*8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	x := &walIndex{words: (*[2 * headerWords]uint64)(unsafe.Pointer(&b[0])), bytes: b}
	runtime.AddCleanup(x, func(b []byte) { _ = syscall.Munmap(b) }, b)
	if _, ok := x.read(); !ok || !x.shared() {
		return nil
	}
	return x
}

// shared reports whether this process has a second mapping of the same file, shared and writable:
// that of SQLite. Shared mappings of a file are the same memory.
func (x *walIndex) shared() bool {
	list, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return false
	}
	ours := fmt.Appendf(nil, "%08x-", uintptr(unsafe.Pointer(x.words)))
	var file string // device and inode
	var writable []string
	for line := range bytes.Lines(list) {
		// address, permissions, offset, device, inode, path
		if _, rest, _ := bytes.Cut(line, []byte(" ")); !bytes.HasPrefix(rest, []byte("rw-s")) && !bytes.HasPrefix(line, ours) {
			continue // as nearly all of about a hundred lines
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

// matches reports whether both copies equal t.
func (x *walIndex) matches(t *token) bool {
	same := true
	for i := range t {
		same = same && atomic.LoadUint64(&x.words[i]) == t[i] && atomic.LoadUint64(&x.words[headerWords+i]) == t[i]
	}
	runtime.KeepAlive(x)
	return same
}

// read returns the header. ok is false if it does not follow the format, or if the copies still
// differ after several attempts: a writer is changing them or was killed while it did.
func (x *walIndex) read() (t token, ok bool) {
	for range 100 {
		for i := range t {
			t[i] = atomic.LoadUint64(&x.words[i])
		}
		if x.matches(&t) {
			return t, t.valid()
		}
		runtime.Gosched()
	}
	return t, false
}

// valid reports whether the header is initialized and has the known version and a correct checksum.
func (t *token) valid() bool {
	var b [headerWords * 8]byte
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
