package sqlite

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// destroyStep destroys in one transaction. If the disk has no room for its write-ahead log, it does
// so in smaller and smaller ones, each of which uses the room of the one before. destroyed is
// called after each.
func (s *Store) destroyStep(ctx context.Context, step []myvault.Change, destroyed func(versions int)) error {
	err := s.destroyAll(ctx, step)
	if fault.NoSpace(err) && !fault.NoSpace(s.file.ScrubNow(ctx)) { // else a smaller step would only fill what is left
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
		return s.file.AdviseRoom(ctx, err)
	}
	destroyed(versionsOf(step))
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
