package wal

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// OpenDurable opens a connection of its own whose commits are on disk when they return; the
// writer's of a trail are not.
func (f *File) OpenDurable(ctx context.Context) (*db.Conn, error) {
	if err := f.CheckFiles(); err != nil {
		return nil, err
	}
	return f.connect(ctx, db.Settings{Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
}

// OpenReader opens a separate connection for a long read, which ctx interrupts.
func (f *File) OpenReader(ctx context.Context) (*db.Conn, error) {
	if f.closing.Load() {
		return nil, myvault.ErrClosed
	}
	if err := f.CheckFiles(); err != nil {
		return nil, err
	}
	c, err := f.Readers.Open(ctx)
	if err == nil {
		c.SetInterrupt(ctx)
	}
	return c, err
}

// ContextForCleanup returns a context for the work that must follow an operation even if ctx has ended. It
// ends soon if another process holds the file.
func ContextForCleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closingWithin)
}

// ScrubPending removes old bytes that could not be removed before.
func (f *File) ScrubPending(ctx context.Context) {
	if f.Writer.scrubPending.Load() {
		ctx, cancel := ContextForCleanup(ctx)
		defer cancel()
		// Where it fails, it stays owed.
		_ = f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return nil }})
	}
}

// ScrubNow removes old bytes, by a request that does nothing else.
func (f *File) ScrubNow(ctx context.Context) error {
	return f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return nil }, Scrub: true})
}
