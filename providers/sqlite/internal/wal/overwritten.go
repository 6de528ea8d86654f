package wal

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// The part of the WAL-index that is read here: two copies of its header, then the number of frames
// copied into the database. https://sqlite.org/walformat.html#walidxfmt
const (
	indexHeaderSize = 48
	indexSize       = 2*indexHeaderSize + 40
	pageSizeAt      = 14
	frameSumAt      = 24
	saltAt          = 32
	backfillAt      = 2 * indexHeaderSize
	attemptedAt     = backfillAt + 32
)

// indexState is the state of a log and its checkpoints according to the WAL-index.
type indexState struct {
	salt      [8]byte // changes each time the log restarts
	frames    uint32  // in the log
	sum       [8]byte // checksum of the last frame, encoded as in the frame
	pageSize  int64
	logSize   int64  // the minimum size of the log
	backfill  uint32 // frames copied into the database
	attempted uint32 // frames that a checkpoint has begun to copy
}

// mappedIndex is the beginning of a WAL-index in shared memory.
type mappedIndex [indexSize / 4]uint32

// read returns the state of the log. It returns false during a write.
func (m *mappedIndex) read() (s indexState, ok bool) {
	var b [indexSize]byte
	for i := range m {
		binary.NativeEndian.PutUint32(b[4*i:], atomic.LoadUint32(&m[i]))
	}
	if string(b[:indexHeaderSize]) != string(b[indexHeaderSize:2*indexHeaderSize]) || b[12] == 0 {
		return s, false
	}
	native := binary.NativeEndian
	s.frames = native.Uint32(b[framesAt:])
	copy(s.salt[:], b[saltAt:])
	binary.BigEndian.PutUint32(s.sum[:], native.Uint32(b[frameSumAt:]))
	binary.BigEndian.PutUint32(s.sum[4:], native.Uint32(b[frameSumAt+4:]))
	if s.pageSize = int64(native.Uint16(b[pageSizeAt:])); s.pageSize == 1 {
		s.pageSize = maxPageSize
	}
	if s.frames > 0 {
		s.logSize = walHeaderSize + int64(s.frames)*(frameHeaderSize+s.pageSize)
	}
	s.backfill, s.attempted = native.Uint32(b[backfillAt:]), native.Uint32(b[attemptedAt:])
	return s, true
}

// checkpointed reports whether a checkpoint may have written to the database between two states:
// one was completed, or it was running or interrupted in one of them.
func (s indexState) checkpointed(since indexState) bool {
	return s.salt != since.salt || s.backfill != since.backfill ||
		s.attempted > s.backfill || since.attempted > since.backfill
}

// overwriteWatch detects that a program other than SQLite wrote to a database file or its log in
// place. SQLite does not detect that. It keeps using its cached pages and acknowledges changes
// that no reader can find.
//
// In WAL mode only a checkpoint writes to the database file, and the WAL-index records
// checkpoints. If the file's time or size changes without one, the file was overwritten. The
// header and the last frame of the log must match the index.
type overwriteWatch struct {
	read    func() (indexState, bool)      // the WAL-index
	readLog func(b []byte, at int64) error // reads from the write-ahead log
	stat    func() (fs.FileInfo, error)    // of the database file

	// The next commit may restart the log, because all of it is in the database. An overwrite
	// before such a commit looks like a checkpoint, so that commit must check the file.
	mayRestart atomic.Bool

	mu      sync.Mutex
	stopped bool
	known   bool // time, size and state are from the same moment
	time    time.Time
	size    int64
	state   indexState
}

// stop makes later checks succeed without reading anything.
func (w *overwriteWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}

// check returns ErrUnavailable if the file was overwritten or its log was truncated. now and log
// describe the two files shortly before the call.
func (w *overwriteWatch) check(name string, now, log fs.FileInfo) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil
	}
	state, ok := w.read()
	if !ok {
		return nil // a commit is in progress
	}
	if log.Size() < state.logSize && !w.logMatches(state) {
		return overwritten(name + "-wal")
	}
	if !w.known || state.checkpointed(w.state) {
		return w.remember(state)
	}
	if w.unchanged(now) {
		return nil
	}
	// Another goroutine may have remembered a state later than now. Read the file first and the
	// index second: a checkpoint announces itself in the index before it writes.
	info, err := w.stat()
	if err != nil || w.unchanged(info) {
		return err
	}
	if state, ok := w.read(); !ok || state.checkpointed(w.state) {
		w.known = false // the next check remembers
		return nil
	}
	return overwritten(name)
}

// unchanged reports whether the file still has the remembered time and size.
func (w *overwriteWatch) unchanged(info fs.FileInfo) bool {
	return info.ModTime().Equal(w.time) && info.Size() == w.size
}

// checkLog returns ErrUnavailable if the log was overwritten.
func (w *overwriteWatch) checkLog(name string) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return nil
	}
	if state, ok := w.read(); ok && !w.logMatches(state) {
		return overwritten(name)
	}
	return nil
}

// update remembers the state after a commit or a checkpoint, which may have restarted the log or
// copied it into the database. Without it, the next check could attribute an overwrite to that.
func (w *overwriteWatch) update() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	state, ok := w.read()
	if ok && (!w.known || state.checkpointed(w.state)) {
		_ = w.remember(state) // the next check tries again
	}
	w.mayRestart.Store(!ok || state.backfill >= state.frames)
}

// remember records the state of the file. During a checkpoint, the state stays unknown.
func (w *overwriteWatch) remember(before indexState) error {
	info, err := w.stat()
	if err != nil {
		return err
	}
	after, ok := w.read()
	w.known = ok && !after.checkpointed(before)
	w.time, w.size, w.state = info.ModTime(), info.Size(), after
	return nil
}

// logMatches reports whether the log matches the index. A mismatch does not count if the index
// has changed since it was read, because another process has written.
func (w *overwriteWatch) logMatches(s indexState) bool {
	if s.frames == 0 || w.logHasState(s) {
		return true
	}
	now, ok := w.read()
	return !ok || now.salt != s.salt || now.frames != s.frames
}

// logHasState compares the header and the last frame of the log with s.
func (w *overwriteWatch) logHasState(s indexState) bool {
	var header [walHeaderSize]byte
	var frame [frameHeaderSize]byte
	last := s.logSize - frameHeaderSize - s.pageSize
	if w.readLog(header[:], 0) != nil || w.readLog(frame[:], last) != nil {
		return false
	}
	return [8]byte(header[16:24]) == s.salt && [8]byte(frame[8:16]) == s.salt && [8]byte(frame[16:24]) == s.sum
}

func overwritten(name string) error {
	return fmt.Errorf("%w: %s was overwritten while open; nothing more is written to it; stop every process that uses the store and restore a whole backup",
		myvault.ErrUnavailable, name)
}
