package wal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// SpaceError adds to the error of a full disk how much room is needed to make more.
func (f *File) SpaceError(ctx context.Context, err error) error {
	if !fault.NoSpace(err) {
		return err
	}
	return fmt.Errorf("pruning makes room by itself once there is some for its log: free about %d MiB in %s and run it again: %w",
		f.spaceNeeded(ctx)>>20+1, filepath.Dir(f.Path), err)
}

// spaceNeeded returns by how much the database grows when its log is copied into it.
func (f *File) spaceNeeded(ctx context.Context) (bytes int64) {
	_ = f.Readers.Read(context.WithoutCancel(ctx), func(c *db.Conn) error {
		pages, err := c.Number("page_count")
		if err != nil {
			return err
		}
		size, err := c.Number("page_size")
		if info, missing := os.Stat(f.Path); err == nil && missing == nil {
			bytes = max(0, pages*size-info.Size()+1<<20-1)
		}
		return err
	})
	return bytes
}

// CheckpointForSpace copies the log into the database before pruning writes more: later the disk might have no
// room for the log, and then for nothing else either.
func (f *File) CheckpointForSpace(ctx context.Context) error {
	if err := f.ScrubNow(ctx); fault.NoSpace(err) {
		return f.SpaceError(ctx, fmt.Errorf("%w: %w: the disk is full", myvault.ErrUnavailable, sqlite3.FULL))
	}
	return nil
}
