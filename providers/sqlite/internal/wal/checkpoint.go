package wal

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// A write-ahead log is copied into its database from checkpointAt pages on, in the background; the
// writer adds the pages written meanwhile, so that the log can start again at its beginning. From
// boundAt pages on the writer runs the checkpoint. If readers keep it from finishing, the
// background cuts the log: writers wait, and it waits for the readers, but no longer than
// cutWithin, nor again before the log has grown by checkpointAt pages.
const (
	RetryAfter = 1000 // pages, where readers or a fault kept a checkpoint from its end
	cutWithin  = time.Second
)

// checkpointer keeps a write-ahead log short. Its checkpoints are passive and do not wait,
// except for those that cut the log. https://sqlite.org/c3ref/wal_checkpoint_v2.html
type checkpointer struct {
	c      *db.Conn // its own while its goroutine runs; it stays open until stop
	open   func() (*db.Conn, error)
	writer *Writer

	// Of who is busy in the writer.
	Pages int // in the log, as of the last commit
	next  int // pages at which to do something
	cutAt int // pages at which to cut the log

	mustCut atomic.Bool // the log must be cut
	// cut copies the whole log into the database and empties the log.
	cut func(ctx context.Context, c *db.Conn, wait time.Duration) error

	ask    chan struct{}
	copied chan bool // what the background has done: whether something is left
	ended  chan struct{}
}

// StartCheckpointer takes c over until stop. open opens another one like it.
func StartCheckpointer(c *db.Conn, open func() (*db.Conn, error), w *Writer, cut func(context.Context, *db.Conn, time.Duration) error) *checkpointer {
	k := &checkpointer{
		c: c, open: open, writer: w, next: db.CheckpointPages, cutAt: db.BoundPages, cut: cut,
		ask: make(chan struct{}, 1), copied: make(chan bool, 1), ended: make(chan struct{}),
	}
	go k.loop()
	return k
}

// countPages counts the pages that c commits, in place of the engine's own checkpoints.
func (k *checkpointer) countPages(c *db.Conn) {
	c.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		k.Pages = pages
		return nil
	})
}

func (k *checkpointer) loop() {
	defer close(k.ended)
	for range k.ask {
		k.replaceBroken()
		left := k.checkpoint(k.c)
		if k.mustCut.Swap(false) {
			k.cutLog()
		}
		select {
		case k.copied <- left:
		default: // nobody has written since the one before, which says as much
		}
	}
}

// cutLog cuts the log.
func (k *checkpointer) cutLog() {
	if k.c.Broken || k.writer.Disk.logUnsynced() {
		return
	}
	err := fault.Guard(func() error { return k.cut(context.Background(), k.c, cutWithin) })
	if err == nil || fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) || errors.Is(err, errBackupRunning) {
		return // the passive checkpoint before it knows of the disk
	}
	k.c.MarkBroken(err)
	k.writer.Disk.checkpointed(fault.WithAdvice(err))
}

// wake has the background run.
func (k *checkpointer) wake() {
	select {
	case k.ask <- struct{}{}:
	default: // it is at work
	}
}

// replaceBroken replaces the connection where it is broken, and closes it only then: the log must
// never be without a connection.
func (k *checkpointer) replaceBroken() {
	if !k.c.Broken {
		return
	}
	if c, err := k.open(); err == nil {
		_ = k.c.Close()
		k.c = c
	}
}

// checkpoint brings into the database what can be, and reports whether something is left.
func (k *checkpointer) checkpoint(c *db.Conn) (left bool) {
	if c.Broken || k.writer.Disk.logUnsynced() || k.writer.checkFiles() != nil {
		return true
	}
	err := fault.Guard(func() error {
		all, done, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
		left = done < all
		return err
	})
	k.writer.logChanged()
	if fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) {
		return true // another connection is at it
	}
	if fault.HasCode(err, sqlite3.NOMEM) {
		c.MarkBroken(err)
	}
	k.writer.Disk.checkpointed(fault.WithAdvice(err))
	return left || err != nil
}

// AfterCommit does after a commit what keeps the log short. c is the writer's connection.
func (k *checkpointer) AfterCommit(c *db.Conn) {
	if k.Pages < db.CheckpointPages {
		k.next, k.cutAt = db.CheckpointPages, db.BoundPages // the log has started again
	}
	select {
	case left := <-k.copied:
		k.next = k.Pages + RetryAfter
		if left {
			k.checkpoint(c)
		}
		return
	default:
	}
	if k.Pages < k.next {
		return
	}
	k.next = k.Pages + RetryAfter
	if k.Pages < db.BoundPages {
		k.wake()
		return
	}
	if k.checkpoint(c) && k.Pages >= k.cutAt {
		k.cutAt = k.Pages + db.CheckpointPages
		k.mustCut.Store(true)
		k.wake()
	}
}

// Stop ends the goroutine and gives its connection back. The writer must have stopped.
func (k *checkpointer) Stop() *db.Conn {
	close(k.ask)
	<-k.ended
	return k.c
}
