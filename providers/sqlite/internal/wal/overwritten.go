package wal

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// The part of a WAL-index that is read here: two copies of its header, and how much of the log was
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

// IndexState is what the WAL-index says of a database and its log.
type IndexState struct {
	salt      [8]byte // changes each time the log starts again
	frames    uint32  // in the log
	sum       [8]byte // checksum of the last frame, as the frame has it
	pageSize  int64
	Backfill  uint32 // frames that are in the database
	Attempted uint32 // frames that a checkpoint has begun to copy there
}

// parseIndexState reads the beginning of a WAL-index. false while a writer is at it.
func parseIndexState(b []byte) (s IndexState, ok bool) {
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
	s.Backfill, s.Attempted = native.Uint32(b[backfillAt:]), native.Uint32(b[attemptedAt:])
	return s, true
}

// checkpointed reports whether a checkpoint may have written to the database between two states.
func (s IndexState) checkpointed(since IndexState) bool {
	return s.salt != since.salt || s.Backfill != since.Backfill || s.checkpointing() || since.checkpointing()
}

// logSize returns how large the log is at least.
func (s IndexState) logSize() int64 {
	if s.frames == 0 {
		return 0
	}
	return logHeaderSize + int64(s.frames)*(frameHeaderSize+s.pageSize)
}

// busy: a checkpoint is writing to the database, or was stopped while it did.
func (s IndexState) checkpointing() bool { return s.Attempted > s.Backfill }

// OverwriteWatch notices that a database file, or its log, was written to in place by something
// other than the engine. The engine itself sees neither: it goes on with the pages that it has,
// and acknowledges changes that no reader can find.
//
// In WAL mode only a checkpoint writes to the database file, and the WAL-index says when there
// was one. So a file with another time or size without a checkpoint was overwritten. The log must
// begin and end as the index says.
type OverwriteWatch struct {
	Read func() (IndexState, bool)      // the WAL-index
	log  func(b []byte, at int64) error // reads from the write-ahead log
	Stat func() (fs.FileInfo, error)    // of the database file

	mu    sync.Mutex
	ended bool
	known bool // time, size and state belong together
	time  time.Time
	size  int64
	state IndexState
}

// end has later checks find nothing.
func (w *OverwriteWatch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// Check returns ErrUnavailable if the file was overwritten, or its log was cut. now and log
// describe the two files as they were a moment ago.
func (w *OverwriteWatch) Check(name string, now, log fs.FileInfo) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	state, ok := w.Read()
	if !ok {
		return nil // a commit is in progress
	}
	if log.Size() < state.logSize() && !w.logMatches(state) {
		return overwritten(name + "-wal")
	}
	if !w.known || state.checkpointed(w.state) {
		return w.remember(state)
	}
	if w.unchanged(now) {
		return nil
	}
	// Another goroutine may have remembered what came after now. What is read in this order holds:
	// a checkpoint says that it begins before it writes.
	info, err := w.Stat()
	if err != nil || w.unchanged(info) {
		return err
	}
	if state, ok := w.Read(); !ok || state.checkpointed(w.state) {
		w.known = false // the next check remembers
		return nil
	}
	return overwritten(name)
}

// unchanged reports whether the file has the time and the size that are remembered.
func (w *OverwriteWatch) unchanged(info fs.FileInfo) bool {
	return info.ModTime().Equal(w.time) && info.Size() == w.size
}

// checkLog returns ErrUnavailable if the log was overwritten.
func (w *OverwriteWatch) checkLog(name string) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	if state, ok := w.Read(); ok && !w.logMatches(state) {
		return overwritten(name)
	}
	return nil
}

// Update is called after a commit or a checkpoint, which may have reset the log or copied it into the
// database, so that the next check does not attribute another change to that.
func (w *OverwriteWatch) Update() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if state, ok := w.Read(); ok && (!w.known || state.checkpointed(w.state)) {
		_ = w.remember(state) // the next check tries again
	}
}

// remember takes the file as it is now, unless a checkpoint is writing to it.
func (w *OverwriteWatch) remember(before IndexState) error {
	info, err := w.Stat()
	if err != nil {
		return err
	}
	after, ok := w.Read()
	w.known = ok && !before.checkpointing() && !after.checkpointed(before)
	w.time, w.size, w.state = info.ModTime(), info.Size(), after
	return nil
}

// logMatches reports whether the log has what the index says. If it does not, but the index has
// changed meanwhile, another process has written.
func (w *OverwriteWatch) logMatches(s IndexState) bool {
	if s.frames == 0 || w.logHasState(s) {
		return true
	}
	now, ok := w.Read()
	return !ok || now.salt != s.salt || now.frames != s.frames
}

func (w *OverwriteWatch) logHasState(s IndexState) bool {
	var header [logHeaderSize]byte
	var frame [frameHeaderSize]byte
	last := s.logSize() - frameHeaderSize - s.pageSize
	if w.log(header[:], 0) != nil || w.log(frame[:], last) != nil {
		return false
	}
	return [8]byte(header[16:24]) == s.salt && [8]byte(frame[8:16]) == s.salt && [8]byte(frame[16:24]) == s.sum
}

func overwritten(name string) error {
	return fmt.Errorf("%w: %s was overwritten while it is open; nothing more is written to it; stop every process of the store and restore a whole backup",
		myvault.ErrUnavailable, name)
}
