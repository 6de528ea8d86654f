package sqlite

import (
	"context"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"time"
)

// AccessLimit says which access entries go: the oldest ones that one of the fields names. A
// zero field names none.
type AccessLimit struct {
	Before time.Time // entries stamped with a time before it, up to the first that was not; one of a time to come stops none
	UpTo   uint64    // entries up to this sequence
	Bytes  int64     // entries until those that stay take no more than so many bytes of the file
}

// PruneAccess removes access entries, the oldest first, in small steps between which others
// write. It gives how many it has removed. See [Trail.Prune].
func (s *Store) PruneAccess(ctx context.Context, limit AccessLimit, progress func(pruned uint64)) (uint64, error) {
	return s.trail.Prune(ctx, access.Limit(limit), progress)
}

// Prune removes entries, the oldest first, in small steps between which others write. It
// gives how many it has removed. The newest entry always stays. What stays is held by the
// chain as before: the trail keeps the link behind which it goes on, with a MAC. The file does
// not become smaller; what was freed is used again.
//
// Entries are proved before they go: [myvault.ErrTampered] where one does not authenticate, and it
// stays. [myvault.ErrInvalid] for a limit without a field. progress, unless it is nil, is
// called after each step. It may be stopped at any time and called again.
//
// Its first step writes, together with what it removes, an entry with the outcome
// [myvault.OutcomeBegun], which this call does not remove; an entry with the outcome follows
// however it ends. Its Count is how many entries went, First and Last when the oldest and the newest of them were made.
func (t *Trail) Prune(ctx context.Context, limit AccessLimit, progress func(pruned uint64)) (pruned uint64, err error) {
	return t.access.Prune(ctx, access.Limit(limit), progress)
}
