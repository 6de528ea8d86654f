package wal

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// Synchronous returns PRAGMA synchronous of every connection of the file.
func (f *File) Synchronous() (levels []string, err error) {
	ask := func(c *db.Conn) error {
		level, err := c.Pragma("synchronous")
		levels = append(levels, level)
		return err
	}
	err = f.Writer.Do(context.Background(), &Request{Apply: ask})
	// All readers at once, so that each connection is asked.
	var connections []*db.Conn
	for range cap(f.Readers.Slots) {
		c, taken := f.Readers.acquire(context.Background())
		if c == nil && taken == nil {
			c, taken = f.Readers.Open(context.Background())
		}
		err = errors.Join(err, taken, ask(c))
		connections = append(connections, c)
	}
	for _, c := range connections {
		f.Readers.release(c)
	}
	return levels, err
}

// LimitMemory limits the memory of the connections that are open now.
func (f *File) LimitMemory(bytes int64) error {
	limit := func(c *db.Conn) error {
		c.HardHeapLimit(bytes)
		return nil
	}
	return errors.Join(
		f.Readers.Read(context.Background(), limit),
		f.Writer.Do(context.Background(), &Request{Apply: limit}),
	)
}

// CountScrubs counts, from now on, how often the writer, which must be idle, waits for readers to
// remove old bytes.
func (w *Writer) CountScrubs() *atomic.Int64 {
	var waits atomic.Int64
	clean := w.clean
	w.clean = func(ctx context.Context, c *db.Conn, wait time.Duration) error {
		if wait > 0 {
			waits.Add(1)
		}
		return clean(ctx, c, wait)
	}
	return &waits
}

// FailWrites has the file believe that the last attempt to write failed.
func (f *File) FailWrites() { f.Writer.Disk.Record(Commit, sqlite3.FULL) }
