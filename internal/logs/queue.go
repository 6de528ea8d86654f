// Package logs bounds the operational log of a server: in lines that one kind of event writes, in
// memory, and in the time that a caller spends on it. Log lines may be dropped, and are counted
// then. Nothing here is for the audit trail, of which no entry may be lost.
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
	maxLines = 1024    // that wait to be written
	maxBytes = 1 << 20 // of them
)

// ErrDropped is the error of [Queue.Write] for a line that is not written, and counted instead.
var ErrDropped = errors.New("the log is behind or closed: a line was dropped")

// Queue is an io.Writer that never blocks. One goroutine passes lines on to another writer. While
// that writer is slow or stuck, lines wait in a bounded queue; further lines are dropped and
// counted. Failed writes count as dropped too, and the next line is tried all the same.
type Queue struct {
	to   io.Writer
	note func(dropped uint64) []byte

	lines   chan []byte
	closing chan struct{}
	closed  chan struct{} // the goroutine has ended
	once    sync.Once
	waiting atomic.Int64 // bytes in lines
	dropped atomic.Uint64
	noted   uint64 // how many of dropped a note reported
}

var _ io.Writer = (*Queue)(nil)

// NewQueue returns a queue of lines for to. Once to works again, note makes the line that reports
// how many lines were dropped since the last note; a nil note reports nothing.
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
	if q.waiting.Add(size) <= maxBytes && !q.ends() {
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

// Dropped returns how many lines were not written so far.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }

// Close stops taking lines and waits until those that wait are written, at most for the given time.
// It is safe to call more than once.
func (q *Queue) Close(wait time.Duration) {
	q.once.Do(func() { close(q.closing) })
	select {
	case <-q.closed:
	case <-time.After(wait):
	}
}

func (q *Queue) ends() bool {
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
			q.pass(line)
		case <-q.closing:
			for len(q.lines) > 0 {
				q.pass(<-q.lines)
			}
			return
		}
	}
}

// pass writes a line and, if it was the last one that waited, the note about those that were
// dropped.
func (q *Queue) pass(line []byte) {
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
