package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Limit selects the entries to prune; see AccessLimit of package sqlite.
type Limit struct {
	Before time.Time
	UpTo   uint64
	Bytes  int64
}

// Prune removes the oldest entries that limit selects, and calls progress after each step.
func (t *Trail) Prune(ctx context.Context, limit Limit, progress func(pruned uint64)) (pruned uint64, err error) {
	if limit == (Limit{}) {
		return 0, fmt.Errorf("%w limit: set Before, UpTo or Bytes", myvault.ErrInvalid)
	}
	if progress == nil {
		progress = func(uint64) {}
	}
	if err := t.File.Writer.Disk.Stopped(); err != nil {
		return 0, err
	}
	if err := t.File.CheckpointForSpace(ctx); err != nil {
		return 0, err
	}
	p := &pruning{Trail: t, limit: limit, recorded: true}
	err = p.run(ctx, progress)
	if err == nil {
		err = t.File.ScrubNow(ctx)
	}
	if err == nil || p.begun != 0 {
		err = errors.Join(err, p.recordEnd(ctx, err))
	}
	return p.pruned, err
}

// actionPrune is the action of entries about a Prune.
const actionPrune = "prune"

// pruning is a Prune in progress.
type pruning struct {
	*Trail
	limit    Limit
	pruned   uint64
	recorded bool   // whether entries record its begin and its end
	halvings uint   // how often the size of a step was halved, for lack of disk space
	begun    uint64 // the sequence of the entry that records its begin; 0 before the first removal

	first, last time.Time // the times of the oldest and the newest removed entry
}

// recordEnd records the outcome, and which entries were removed.
func (p *pruning) recordEnd(ctx context.Context, err error) error {
	e := begunEntry(actionPrune)
	e.Outcome, e.Count, e.First, e.Last = outcomeOf(err), p.pruned, p.first, p.last
	// Entries are removed: record it even if ctx has ended.
	ctx, cancel := wal.ContextForCleanup(ctx)
	defer cancel()
	return p.Record(ctx, e)
}

// run removes all selected entries, step by step.
func (p *pruning) run(ctx context.Context, progress func(pruned uint64)) error {
	for {
		n, err := p.step(ctx)
		full := fault.NoSpace(err)
		if p.halvings > 0 || full {
			// Free the space of this step for the next one.
			left := p.File.ScrubNow(ctx)
			full = full && !fault.NoSpace(left)
		}
		if full && ledger.PageRows>>p.halvings > 1 {
			p.halvings++
			continue
		}
		if err != nil || n == 0 {
			return p.File.SpaceError(ctx, err)
		}
		progress(p.pruned)
	}
}

// step removes at most one page of entries. If Recorded, the first step that removes any records
// the begin in the same transaction.
func (p *pruning) step(ctx context.Context) (pruned uint64, err error) {
	begun, old := p.begun, []myvault.Entry(nil)
	err = p.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) (err error) {
		pruned = 0
		if err := p.flush(c); err != nil { // pending entries may be selected, too
			return err
		}
		var row int64
		if old, row, err = p.nextEntries(c); err != nil || len(old) == 0 {
			return err
		}
		pruned = uint64(len(old))
		if err := pruneEntries(p.File.Keys, c, old[len(old)-1], row); err != nil || !p.recorded || p.begun != 0 {
			return err
		}
		d := p.prepare(begunEntry(actionPrune))
		err = p.append(c, &d)
		begun = d.entry.Seq
		return err
	}})
	// If the outcome is unknown, the entry may be in the file.
	if err == nil || errors.Is(err, myvault.ErrUnknownOutcome) {
		p.begun = begun
	}
	if err == nil && pruned > 0 {
		p.count(old)
	}
	return pruned, err
}

// count adds removed entries to the totals.
func (p *pruning) count(removed []myvault.Entry) {
	if p.pruned == 0 {
		p.first = removed[0].At
	}
	p.pruned += uint64(len(removed))
	p.last = removed[len(removed)-1].At
}

// nextEntries returns the entries to remove next, with their MACs checked, and the key of the batch
// of the last one.
func (p *pruning) nextEntries(c *db.Conn) (old []myvault.Entry, row int64, err error) {
	end := p.end.Seq
	if p.begun != 0 {
		end = min(end, p.begun)
	}
	over := false
	if p.limit.Bytes > 0 {
		used, err := usedBytes(c)
		if err != nil {
			return nil, 0, err
		}
		over = used > p.limit.Bytes
	}
	from, err := ReadPruned(p.File.Keys, c)
	if err != nil {
		return nil, 0, err
	}
	w := Walk{End: from, row: int64(from.Seq)}
	now, selected := time.Now(), 0
	_, err = w.Step(c, func(e *myvault.Entry) (err error) {
		selects := over || e.Seq <= p.limit.UpTo || e.At.Before(p.limit.Before)
		// A wrong clock may have given e a future time: remove it with the next selected entry.
		ahead := !p.limit.Before.IsZero() && e.At.After(now)
		if !selects && !ahead || e.Seq >= end || len(old) == ledger.PageRows>>p.halvings {
			return errStop
		}
		if w.End, err = w.End.Follow(e, p.File.Keys); err != nil {
			return err
		}
		if old = append(old, *e); selects {
			selected, row = len(old), w.row
		}
		return nil
	})
	return old[:selected], row, err
}

// usedBytes returns the size of the file in bytes, without its free pages.
func usedBytes(c *db.Conn) (int64, error) {
	var n [3]int64
	for i, pragma := range []string{"page_count", "freelist_count", "page_size"} {
		var err error
		if n[i], err = c.Number(pragma); err != nil {
			return 0, err
		}
	}
	return (n[0] - n[1]) * n[2], nil
}
