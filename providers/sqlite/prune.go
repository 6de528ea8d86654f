package sqlite

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// VersionLimit selects the versions that go: those that are not among the newest Keep of their
// address, and were made before Before if that is not zero. Keep counts versions that still have
// a value, deleted ones included; a destroyed version counts for nothing. So the newest version
// with a value always stays.
//
// Before is compared with the time of each version, as the clock gave it when it was made.
type VersionLimit struct {
	Keep   int            // 0 is 1
	Before time.Time      // zero: whatever their age
	Prefix myvault.Prefix // of the addresses; zero: all
}

// One step of PruneVersions, so that others write between the steps.
const (
	pruneAddresses = 32
	pruneVersions  = 512
)

// PruneVersions destroys versions, as a destroy by a service does: their values are gone for
// good, reading one is [myvault.ErrDestroyed], and each has its entry in the chain of changes,
// via "operator". The vault's own projects are left alone. It gives how many it has destroyed.
//
// It goes in small steps, may be stopped at any time and called again; progress, unless it is nil, is
// called after each step. Old bytes are gone from the files when it returns nil. On a disk that is
// all but full the steps are smaller: room for the log of one version is enough.
// [myvault.ErrInvalid] for a limit that says neither how many to keep nor before when.
func (s *Store) PruneVersions(ctx context.Context, limit VersionLimit, progress func(destroyed uint64)) (destroyed uint64, err error) {
	if limit.Keep < 0 || limit.Keep == 0 && limit.Before.IsZero() {
		return 0, fmt.Errorf("%w limit: say how many versions to keep, or before when they go", myvault.ErrInvalid)
	}
	if progress == nil {
		progress = func(uint64) {}
	}
	if err := s.file.CheckpointForSpace(ctx); err != nil {
		return 0, err
	}
	err = s.pruneSteps(ctx, limit, func(step []myvault.Change, _ int) error {
		return s.destroyWithSpace(ctx, step, func(versions int) {
			destroyed += uint64(versions)
			progress(destroyed)
		})
	})
	if err != nil {
		return destroyed, err
	}
	return destroyed, s.file.ScrubNow(ctx)
}

// pruneSteps gives what goes, some at a time.
func (s *Store) pruneSteps(ctx context.Context, limit VersionLimit, do func(step []myvault.Change, versions int) error) error {
	var step []myvault.Change
	pending := 0
	for info, err := range s.all(ctx, limit.Prefix) {
		if err != nil {
			return err
		}
		versions, err := s.versionsToPrune(ctx, info.Address, limit)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			continue
		}
		step = append(step, myvault.Change{Op: myvault.OpDestroy, Address: info.Address, Versions: versions})
		pending += len(versions)
		if len(step) < pruneAddresses && pending < pruneVersions {
			continue
		}
		if err := do(step, pending); err != nil {
			return err
		}
		step, pending = nil, 0
	}
	if len(step) == 0 {
		return nil
	}
	return do(step, pending)
}

// all gives every address under a prefix, those that are live and those that are not.
func (s *Store) all(ctx context.Context, prefix myvault.Prefix) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for _, deleted := range []bool{false, true} {
			for info, err := range s.List(ctx, myvault.ListOptions{Prefix: prefix, Deleted: deleted}) {
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// versionsToPrune gives the versions of an address that go, some at a time.
func (s *Store) versionsToPrune(ctx context.Context, addr myvault.Address, limit VersionLimit) (versions []myvault.Version, err error) {
	if ledger.Reserved(addr.Project) {
		return nil, nil
	}
	n := 0
	for v, err := range s.Versions(ctx, addr, 0) {
		if err != nil {
			return nil, err
		}
		if v.State == myvault.Destroyed {
			continue
		}
		if n++; n <= max(limit.Keep, 1) || !limit.Before.IsZero() && !v.At.Before(limit.Before) {
			continue
		}
		versions = append(versions, v.Version)
	}
	return versions, nil
}

// destroyAll destroys in one transaction; the old bytes are removed later.
func (s *Store) destroyAll(ctx context.Context, changes []myvault.Change) error {
	now := time.Now()
	entries := make([]myvault.Entry, len(changes))
	for i := range entries {
		entries[i] = myvault.Entry{Via: access.ViaOperator, Action: myvault.OpDestroy.String(), At: now}
	}
	return s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		_, err := s.apply(c, myvault.Commit{Changes: changes, At: now, Entries: entries})
		return err
	}})
}

// destroyWithSpace destroys in one transaction. If the disk has no room for its write-ahead log, it does
// so in smaller and smaller ones, each of which uses the room of the one before. destroyed is
// called after each.
func (s *Store) destroyWithSpace(ctx context.Context, step []myvault.Change, destroyed func(versions int)) error {
	err := s.destroyAll(ctx, step)
	if fault.NoSpace(err) && !fault.NoSpace(s.file.ScrubNow(ctx)) { // else a smaller step would only fill what is left
		err = s.destroyAll(ctx, step)
		if fault.NoSpace(err) && versionsOf(step) > 1 {
			for _, half := range halves(step) {
				if err := s.destroyWithSpace(ctx, half, destroyed); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err != nil {
		return s.file.SpaceError(ctx, err)
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
