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

// SpaceError adds to a disk-full error how much space pruning needs. Other errors stay as they
// are.
func (f *File) SpaceError(ctx context.Context, err error) error {
	if !fault.NoSpace(err) {
		return err
	}
	return fmt.Errorf("pruning needs space for its log: free about %d MiB in %s and prune again: %w",
		f.spaceNeeded(ctx)>>20+1, filepath.Dir(f.Path), err)
}

// spaceNeeded returns by how much the database grows when the WAL is copied into it, plus 1 MiB.
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

// CheckpointForSpace copies the WAL into the database before pruning writes more. Later the disk
// may have no space for that, and then every write would fail.
func (f *File) CheckpointForSpace(ctx context.Context) error {
	if err := f.ScrubNow(ctx); fault.NoSpace(err) {
		return f.SpaceError(ctx, fmt.Errorf("%w: %w: the disk is full", myvault.ErrUnavailable, sqlite3.FULL))
	}
	return nil
}

// FileSize returns the size of a file, or 0 if it cannot be read.
func FileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
