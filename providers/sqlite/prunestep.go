package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// destroyStep destroys in one transaction. If the disk has no room for its write-ahead log, it does
// so in smaller and smaller ones, each of which uses the room of the one before. destroyed is
// called after each.
func (s *Store) destroyStep(ctx context.Context, step []myvault.Change, destroyed func(versions int)) error {
	err := s.destroyAll(ctx, step)
	if fault.NoSpace(err) && !fault.NoSpace(s.file.forget(ctx)) { // else a smaller step would only fill what is left
		err = s.destroyAll(ctx, step)
		if fault.NoSpace(err) && versionsOf(step) > 1 {
			for _, half := range halves(step) {
				if err := s.destroyStep(ctx, half, destroyed); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err != nil {
		return s.file.needsRoom(ctx, err)
	}
	destroyed(versionsOf(step))
	return nil
}

// needsRoom adds to the error of a full disk how much room is needed to make more.
func (f *file) needsRoom(ctx context.Context, err error) error {
	if !fault.NoSpace(err) {
		return err
	}
	return fmt.Errorf("pruning makes room by itself once there is some for its log: free about %d MiB in %s and run it again: %w",
		f.roomNeeded(ctx)>>20+1, filepath.Dir(f.path), err)
}

// roomNeeded returns by how much the database grows when its log is copied into it.
func (f *file) roomNeeded(ctx context.Context) (bytes int64) {
	_ = f.readers.read(context.WithoutCancel(ctx), func(c *db.Conn) error {
		pages, err := c.Number("page_count")
		if err != nil {
			return err
		}
		size, err := c.Number("page_size")
		if info, missing := os.Stat(f.path); err == nil && missing == nil {
			bytes = max(0, pages*size-info.Size()+1<<20-1)
		}
		return err
	})
	return bytes
}

// relieve copies the log into the database before pruning writes more: later the disk might have no
// room for the log, and then for nothing else either.
func (f *file) relieve(ctx context.Context) error {
	if err := f.forget(ctx); fault.NoSpace(err) {
		return f.needsRoom(ctx, fmt.Errorf("%w: %w: the disk is full", myvault.ErrUnavailable, sqlite3.FULL))
	}
	return nil
}

func versionsOf(step []myvault.Change) (n int) {
	for _, c := range step {
		n += len(c.Versions)
	}
	return n
}

// halves divides a step between two addresses, or between two versions of the only one.
func halves(step []myvault.Change) [2][]myvault.Change {
	if n := len(step) / 2; n > 0 {
		return [2][]myvault.Change{step[:n], step[n:]}
	}
	first, second := step[0], step[0]
	n := len(first.Versions) / 2
	first.Versions, second.Versions = first.Versions[:n], second.Versions[n:]
	return [2][]myvault.Change{{first}, {second}}
}
