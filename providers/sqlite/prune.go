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

// VersionLimit selects the versions to destroy: those that are not among the newest Keep of
// their address and, if Before is not zero, were made before it. Keep counts the versions
// that have a value, deleted ones included, but not destroyed ones. So the newest version
// with a value always stays.
//
// Before is compared with the time of the clock when the version was made.
type VersionLimit struct {
	Keep   int            // 0 is 1
	Before time.Time      // zero: of any age
	Prefix myvault.Prefix // of the addresses; zero: all
}

// One step of PruneVersions, so that others write between the steps.
const (
	pruneAddresses = 32
	pruneVersions  = 512
)

// PruneVersions destroys versions, as a destroy by a service does, and returns how many.
// Their values are gone for good, reading one returns [myvault.ErrDestroyed], and
// entries in the chain of changes name them, via "operator". The vault's own projects are skipped.
//
// It works in small steps and can be stopped at any time and called again. If progress is
// not nil, it is called after each step. When PruneVersions returns nil, the old bytes are
// gone from the files. On a nearly full disk the steps are smaller: space for the log of
// one version is enough. A limit with neither Keep nor Before is [myvault.ErrInvalid].
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

// pruneSteps calls do with the versions to destroy, some at a time.
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

// all yields every address under a prefix, live or not.
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

// versionsToPrune returns the versions of an address to destroy.
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

// destroyAll destroys in one transaction. The old bytes are removed later.
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

// destroyWithSpace destroys in one transaction. If the disk has no room for its write-ahead
// log, it does so in smaller and smaller ones, each of which uses the room of the one
// before. destroyed is called after each.
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
