package sqlite

import (
	"github.com/ncruces/go-sqlite3"
)

// A write-ahead log is brought into its database from checkpointAt pages on, in the
// background; what was written meanwhile the writer adds by itself, so that the log can
// start again at its beginning. From boundAt pages on the writer waits for nobody.
const (
	checkpointAt = 4000
	boundAt      = 4 * checkpointAt
	retryAfter   = 1000 // pages, where readers or a fault kept a checkpoint from its end
)

// checkpointer keeps a write-ahead log short. Its checkpoints are passive: they wait for
// nobody. https://sqlite.org/c3ref/wal_checkpoint_v2.html
type checkpointer struct {
	c      *conn // its own while its goroutine runs; it stays open until stop
	open   func() (*conn, error)
	writer *writer
	health health

	// Of who is busy in the writer.
	pages int // in the log, as of the last commit
	next  int // pages at which to do something

	ask    chan struct{}
	copied chan bool // what the background has done: whether something is left
	ended  chan struct{}
}

// startCheckpointer takes c over until stop. open opens another one like it.
func startCheckpointer(c *conn, open func() (*conn, error), w *writer) *checkpointer {
	k := &checkpointer{
		c: c, open: open, writer: w, next: checkpointAt,
		ask: make(chan struct{}, 1), copied: make(chan bool, 1), ended: make(chan struct{}),
	}
	go k.loop()
	return k
}

// watch counts the pages that c commits, in place of the engine's own checkpoints.
func (k *checkpointer) watch(c *conn) {
	c.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		k.pages = pages
		return nil
	})
}

func (k *checkpointer) loop() {
	defer close(k.ended)
	for range k.ask {
		k.mend()
		left := k.run(k.c)
		select {
		case k.copied <- left:
		default: // nobody has written since the one before, which says as much
		}
	}
}

// mend replaces the connection where it is broken, and closes it only then: the log must
// never be without a connection.
func (k *checkpointer) mend() {
	if !k.c.broken {
		return
	}
	if c, err := k.open(); err == nil {
		_ = k.c.close()
		k.c = c
	}
}

// run brings into the database what can be, and reports whether something is left.
func (k *checkpointer) run(c *conn) (left bool) {
	if c.broken || k.writer.doubt.standing.Load() || k.writer.inPlace() != nil {
		return true
	}
	err := guard(func() error {
		all, done, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
		left = done < all
		return err
	})
	k.writer.written()
	if is(err, sqlite3.BUSY, sqlite3.LOCKED) {
		return true // another connection is at it
	}
	if is(err, sqlite3.NOMEM) {
		c.spoil(err)
	}
	k.health.note(advised(err))
	k.writer.doubt.raise(err)
	k.writer.attempted(err)
	return left || err != nil
}

// bound does after a commit what keeps the log short. c is the writer's connection.
func (k *checkpointer) bound(c *conn) {
	if k.pages < checkpointAt {
		k.next = checkpointAt // the log has started again
	}
	select {
	case left := <-k.copied:
		k.next = k.pages + retryAfter
		if left {
			k.run(c)
		}
		return
	default:
	}
	if k.pages < k.next {
		return
	}
	k.next = k.pages + retryAfter
	if k.pages >= boundAt {
		k.run(c)
		return
	}
	select {
	case k.ask <- struct{}{}:
	default: // it is at work
	}
}

// stop ends the goroutine and gives its connection back. The writer must have stopped.
func (k *checkpointer) stop() *conn {
	close(k.ask)
	<-k.ended
	return k.c
}
