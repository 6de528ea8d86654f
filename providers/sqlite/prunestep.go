package sqlite

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/myswiftagent/myvault"
)

// destroyStep destroys in one transaction. If the disk has no room for its write-ahead log, it does so
// in smaller and smaller ones, each of which uses the room of the one before. destroyed is called
// after each.
func (s *Store) destroyStep(ctx context.Context, step []myvault.Change, destroyed func(versions int)) error {
	err := s.destroyAll(ctx, step)
	if err == nil {
		destroyed(versionsOf(step))
		return nil
	}
	if !noSpace(err) || versionsOf(step) == 1 {
		return s.needsRoom(err)
	}
	for _, half := range halves(step) {
		_ = s.forget(ctx) // without it there may be room all the same
		if err := s.destroyStep(ctx, half, destroyed); err != nil {
			return err
		}
	}
	return nil
}

// needsRoom says how much room is needed to make more.
func (f *file) needsRoom(err error) error {
	if !noSpace(err) {
		return err
	}
	return fmt.Errorf("pruning makes room by itself once there is some for its log: free about 1 MiB in %s and run it again: %w", filepath.Dir(f.path), err)
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
