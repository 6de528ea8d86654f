// Package logs limits the operational log of a server: the lines of one kind of event, the memory,
// and the time that a caller spends on logging. It may drop lines, and counts them. It must not be
// used for the audit trail, which may lose no entry.
package logs

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxLines = 1024    // queued lines
	maxBytes = 1 << 20 // queued bytes
)

// ErrDropped is returned by [Queue.Write] for a line that is dropped.
var ErrDropped = errors.New("log line dropped: the log is behind or closed")

// Queue is an io.Writer that never blocks. A goroutine writes the lines to another writer. While
// that writer is slow or blocked, lines wait in a bounded queue, and further lines are dropped and
// counted. A failed write counts as a dropped line and does not stop later ones.
type Queue struct {
	to   io.Writer
	note func(dropped uint64) []byte

	lines   chan []byte
	closing chan struct{}
	closed  chan struct{} // the goroutine has ended
	once    sync.Once
	waiting atomic.Int64 // bytes in lines
	dropped atomic.Uint64
	noted   uint64 // how many dropped lines the notes have reported
}

var _ io.Writer = (*Queue)(nil)

// NewQueue returns a queue that writes to to. When to accepts lines again, the queue writes the
// result of note, a line that reports how many lines were dropped since the last note. A nil note
// reports nothing.
func NewQueue(to io.Writer, note func(dropped uint64) []byte) *Queue {
	q := &Queue{
		to: to, note: note,
		lines: make(chan []byte, maxLines), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	go q.run()
	return q
}

// Write queues a copy of line, or returns ErrDropped.
func (q *Queue) Write(line []byte) (int, error) {
	size := int64(len(line))
	if q.waiting.Add(size) <= maxBytes && !q.isClosing() {
		select {
		case q.lines <- bytes.Clone(line):
			return len(line), nil
		default:
		}
	}
	q.waiting.Add(-size)
	q.dropped.Add(1)
	return 0, ErrDropped
}

// Dropped returns the number of dropped lines.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Close drops further lines and waits until the queued ones are written, up to timeout. It is safe
// to call more than once.
func (q *Queue) Close(timeout time.Duration) {
	q.once.Do(func() { close(q.closing) })
	select {
	case <-q.closed:
	case <-time.After(timeout):
	}
}

func (q *Queue) isClosing() bool {
	select {
	case <-q.closing:
		return true
	default:
		return false
	}
}

func (q *Queue) run() {
	defer close(q.closed)
	for {
		select {
		case line := <-q.lines:
			q.write(line)
		case <-q.closing:
			for len(q.lines) > 0 {
				q.write(<-q.lines)
			}
			return
		}
	}
}

// write writes a line. If the queue is then empty, it also writes the note on dropped lines.
func (q *Queue) write(line []byte) {
	_, err := q.to.Write(line)
	q.waiting.Add(-int64(len(line)))
	if err != nil {
		q.dropped.Add(1)
		return
	}
	dropped := q.dropped.Load()
	if q.note == nil || dropped == q.noted || len(q.lines) > 0 {
		return
	}
	if _, err := q.to.Write(q.note(dropped - q.noted)); err == nil {
		q.noted = dropped
	}
}
