package memory

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/myswiftagent/myvault"
)

// trail is the two chains. Its lock is separate from the provider's, so that recording a read
// does not wait for a change.
type trail struct {
	mu      sync.RWMutex
	closed  bool
	changes chain
	access  chain
}

func newTrail(keep int) trail {
	return trail{
		changes: chain{name: myvault.ChainChanges, keep: keep},
		access:  chain{name: myvault.ChainAccess, keep: keep},
	}
}

// chain is the newest entries of one chain, oldest first. The array of entries only grows, so the
// slice itself is a snapshot.
type chain struct {
	name    string
	keep    int
	seq     uint64 // of the newest entry
	entries []myvault.Entry
}

// add appends e with the next sequence.
func (c *chain) add(e myvault.Entry) {
	c.seq++
	e.Chain, e.Seq, e.Prev, e.MAC = c.name, c.seq, nil, nil
	e.At, e.First, e.Last = instant(e.At), instant(e.First), instant(e.Last)
	// Drop old entries in bulk, so that the cost of one entry is constant.
	if limit := c.keep + c.keep/2; len(c.entries) >= limit {
		c.entries = append(make([]myvault.Entry, 0, limit+1), c.newest()...)
	}
	c.entries = append(c.entries, e)
}

// newest returns the newest c.keep entries.
func (c *chain) newest() []myvault.Entry {
	return c.entries[max(0, len(c.entries)-c.keep):]
}

// addChanges appends an entry for each change of a commit. infos are the results of the changes.
func (t *trail) addChanges(c myvault.Commit, infos []myvault.Info) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, info := range infos {
		e := derivedEntry(c, info, c.Changes[i].Op)
		if len(c.Entries) != 0 {
			e = c.Entries[i]
		}
		e.Version, e.Destroyed = info.Version, nil
		if c.Changes[i].Op == myvault.OpDestroy {
			e.Destroyed = c.Changes[i].Destroys(info.Version) // if it destroys all, info has the current version
		}
		t.changes.add(e)
	}
}

// derivedEntry returns the entry of a change whose commit has no entries.
func derivedEntry(c myvault.Commit, info myvault.Info, op myvault.Op) myvault.Entry {
	return myvault.Entry{
		At: c.At, First: c.At, Last: c.At, Count: 1,
		Service: c.By, Action: op.String(), Address: info.Address, Outcome: myvault.OutcomeOK,
	}
}

func (t *trail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.changes.entries, t.access.entries = nil, nil
}

// Record implements [myvault.Trail]: it appends copies of the entries to the access chain, each
// with the sequence number of the newest change.
func (p *Provider) Record(ctx context.Context, entries ...myvault.Entry) error {
	t := &p.trail
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := usable(ctx, t.closed); err != nil {
		return err
	}
	for _, e := range entries {
		e.Seen, e.Destroyed = t.changes.seq, nil
		t.access.add(e)
	}
	return nil
}

// Entries implements [myvault.Trail]. It iterates over a snapshot.
func (p *Provider) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return func(yield func(myvault.Entry, error) bool) {
		t := &p.trail
		t.mu.RLock()
		err, changes, access := usable(ctx, t.closed), t.changes.newest(), t.access.newest()
		t.mu.RUnlock()
		if err != nil {
			yield(myvault.Entry{}, err)
			return
		}
		changes, access = entriesBefore(changes, r.Before), entriesBefore(access, r.Before)
		for len(changes)+len(access) > 0 {
			var e myvault.Entry
			if newer(changes, access) {
				e, changes = pop(changes)
			} else {
				e, access = pop(access)
			}
			e.Destroyed = slices.Clone(e.Destroyed)
			if r.Contains(e) && !yield(e, nil) {
				return
			}
		}
	}
}

// entriesBefore returns the entries before the cursor p, without a search.
func entriesBefore(entries []myvault.Entry, p myvault.Cursor) []myvault.Entry {
	if len(entries) == 0 {
		return nil
	}
	limit, bounded := p[entries[0].Chain]
	switch first := entries[0].Seq; {
	case !bounded:
		return entries
	case limit <= first:
		return nil
	default:
		return entries[:min(uint64(len(entries)), limit-first)]
	}
}

// newer reports whether the last entry of a is newer than the last of b.
func newer(a, b []myvault.Entry) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(b) == 0
	}
	return a[len(a)-1].At.After(b[len(b)-1].At)
}

func pop(entries []myvault.Entry) (myvault.Entry, []myvault.Entry) {
	last := len(entries) - 1
	return entries[last], entries[:last]
}
