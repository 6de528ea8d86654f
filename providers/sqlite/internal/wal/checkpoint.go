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

// Once the WAL has CheckpointPages, a goroutine copies it into the database in the
// background. The writer then copies the pages written meanwhile, so that SQLite can restart the
// WAL at its beginning. From BoundPages on, the writer runs the checkpoint.
//
// If readers prevent that from finishing, the goroutine truncates the WAL. Writers wait while it
// waits for the readers, for truncateTimeout at most. It tries again only after the WAL has grown
// by another CheckpointPages.
const (
	retryAfter      = 1000 // pages by which the WAL grows before another checkpoint
	truncateTimeout = time.Second
)

// checkpointer bounds the size of a WAL. Its checkpoints are passive and do not wait,
// except those that truncate the WAL. https://sqlite.org/c3ref/wal_checkpoint_v2.html
type checkpointer struct {
	c      *db.Conn // used by the goroutine alone; open until Stop
	open   func() (*db.Conn, error)
	writer *Writer

	// Owned by the goroutine that has set Writer.busy.
	pages        int // in the WAL, as of the last commit
	checkpointAt int // pages at which to run the next checkpoint
	truncateAt   int // pages at which to truncate the WAL

	mustTruncate atomic.Bool
	// truncate copies the whole WAL into the database and truncates it.
	truncate func(ctx context.Context, c *db.Conn, wait time.Duration) error

	wakeup chan struct{}
	result chan bool // of the goroutine's last checkpoint: whether pages remain
	ended  chan struct{}
}

// startCheckpointer starts the goroutine, which owns c until Stop. open opens a connection to
// replace a broken one. truncate copies the whole WAL into the database and truncates it.
func startCheckpointer(c *db.Conn, open func() (*db.Conn, error), w *Writer,
	truncate func(context.Context, *db.Conn, time.Duration) error) *checkpointer {
	k := &checkpointer{
		c: c, open: open, writer: w, truncate: truncate,
		checkpointAt: db.CheckpointPages, truncateAt: db.BoundPages,
		wakeup: make(chan struct{}, 1), result: make(chan bool, 1), ended: make(chan struct{}),
	}
	go k.loop()
	return k
}

// countPages records the size of the WAL at each commit of c. The hook also disables SQLite's
// automatic checkpoints.
func (k *checkpointer) countPages(c *db.Conn) {
	c.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		k.pages = pages
		return nil
	})
}

func (k *checkpointer) loop() {
	defer close(k.ended)
	for range k.wakeup {
		k.replaceBroken()
		remaining := k.checkpoint(k.c)
		if k.mustTruncate.Swap(false) {
			k.truncateWAL()
		}
		select {
		case k.result <- remaining:
		default: // the writer has not yet read an earlier result, and one is enough
		}
	}
}

// truncateWAL truncates the WAL unless frames of it may not be on disk.
func (k *checkpointer) truncateWAL() {
	if k.c.Broken || k.writer.Disk.logUnsynced() {
		return
	}
	err := fault.Guard(func() error { return k.truncate(context.Background(), k.c, truncateTimeout) })
	if err == nil || fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) || errors.Is(err, errLongRead) {
		return // the passive checkpoint just before has recorded the state of the disk
	}
	k.c.MarkBroken(err)
	k.writer.Disk.Record(checkpoint, fault.WithAdvice(err))
}

// wake requests a checkpoint by the goroutine.
func (k *checkpointer) wake() {
	select {
	case k.wakeup <- struct{}{}:
	default: // already requested
	}
}

// replaceBroken replaces a broken connection. It closes the old one last: SQLite deletes the WAL
// when the last connection closes.
func (k *checkpointer) replaceBroken() {
	if !k.c.Broken {
		return
	}
	if c, err := k.open(); err == nil {
		_ = k.c.Close()
		k.c = c
	}
}

// checkpoint copies as much of the WAL into the database as the readers permit, and reports
// whether pages remain.
func (k *checkpointer) checkpoint(c *db.Conn) (remaining bool) {
	if c.Broken || k.writer.Disk.logUnsynced() || k.writer.file.CheckFilesAndLog() != nil {
		return true
	}
	err := fault.Guard(func() error {
		all, done, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
		remaining = done < all
		return err
	})
	k.writer.file.overwrites.update()
	if fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) {
		return true // another connection is checkpointing
	}
	if fault.HasCode(err, sqlite3.NOMEM) {
		c.MarkBroken(err)
	}
	k.writer.Disk.Record(checkpoint, fault.WithAdvice(err))
	return remaining || err != nil
}

// afterCommit runs or requests a checkpoint if the WAL is long. c is the writer's connection.
func (k *checkpointer) afterCommit(c *db.Conn) {
	if k.pages < db.CheckpointPages {
		k.checkpointAt, k.truncateAt = db.CheckpointPages, db.BoundPages // the WAL has restarted
	}
	select {
	case remaining := <-k.result:
		k.checkpointAt = k.pages + retryAfter
		if remaining {
			k.checkpoint(c)
		}
		return
	default:
	}
	if k.pages < k.checkpointAt {
		return
	}
	k.checkpointAt = k.pages + retryAfter
	if k.pages < db.BoundPages {
		k.wake()
		return
	}
	if k.checkpoint(c) && k.pages >= k.truncateAt {
		k.truncateAt = k.pages + db.CheckpointPages
		k.mustTruncate.Store(true)
		k.wake()
	}
}

// stop ends the goroutine and returns its connection. The writer must have stopped before.
func (k *checkpointer) stop() *db.Conn {
	close(k.wakeup)
	<-k.ended
	return k.c
}
