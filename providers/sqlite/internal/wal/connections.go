package wal

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// OpenDurable opens a separate connection whose commits are on disk when they return. Commits of
// the trail's writer are not.
func (f *File) OpenDurable(ctx context.Context) (*db.Conn, error) {
	if err := f.CheckFiles(); err != nil {
		return nil, err
	}
	return f.connect(ctx, db.Settings{Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
}

// CommitDurably runs change in a transaction on c, a connection of OpenDurable. Like the writer,
// it refuses to write after a failed fsync, and a failed fsync of this commit stops later writes.
func (f *File) CommitDurably(ctx context.Context, c *db.Conn, change func() error) error {
	return f.Writer.Disk.checkFsync(c.Transaction(ctx, func() error {
		if err := f.BeforeWrite(); err != nil {
			return err
		}
		return change()
	}))
}

// OpenReader opens a separate connection for a long read. The end of ctx interrupts it.
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

// ContextForCleanup returns a context for work that must follow an operation even if ctx has
// ended. It ends after closeTimeout.
func ContextForCleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
}

// ScrubPending retries a scrub that failed earlier.
func (f *File) ScrubPending(ctx context.Context) {
	if f.Writer.scrubPending.Load() {
		ctx, cancel := ContextForCleanup(ctx)
		defer cancel()
		// If it fails, scrubPending stays set.
		_ = f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return nil }})
	}
}

// ScrubNow removes destroyed bytes from the WAL.
func (f *File) ScrubNow(ctx context.Context) error {
	return f.Writer.Do(ctx, &Request{Apply: func(*db.Conn) error { return nil }, Scrub: true})
}
