package sqlite

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// durable opens a connection of its own whose commits are on disk when they return; the
// writer's of a trail are not.
func (f *file) durable(ctx context.Context) (*db.Conn, error) {
	if err := f.inPlace(); err != nil {
		return nil, err
	}
	return f.connect(ctx, db.Settings{Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
}

// reader opens a separate connection for a long read, which ctx interrupts.
func (f *file) reader(ctx context.Context) (*db.Conn, error) {
	if f.closing.Load() {
		return nil, myvault.ErrClosed
	}
	if err := f.inPlace(); err != nil {
		return nil, err
	}
	c, err := f.readers.open(ctx)
	if err == nil {
		c.SetInterrupt(ctx)
	}
	return c, err
}

// afterwards returns a context for the work that must follow an operation even if ctx has ended. It
// ends soon if another process holds the file.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closingWithin)
}

// payOwed removes old bytes that could not be removed before.
func (f *file) payOwed(ctx context.Context) {
	if f.writer.owed.Load() {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		// Where it fails, it stays owed.
		_ = f.writer.do(ctx, &request{apply: func(*db.Conn) error { return nil }})
	}
}

// forget removes old bytes, by a request that does nothing else.
func (f *file) forget(ctx context.Context) error {
	return f.writer.do(ctx, &request{apply: func(*db.Conn) error { return nil }, scrub: true})
}
