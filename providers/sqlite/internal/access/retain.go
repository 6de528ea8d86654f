package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// The limits of a trail where nothing else is said.
const (
	defaultTrailAge   = 90 * 24 * time.Hour
	defaultTrailBytes = 1 << 30
)

// Prune removes the oldest entries that limit names.
func (t *Trail) Prune(ctx context.Context, limit Limit, progress func(pruned uint64)) (pruned uint64, err error) {
	if limit == (Limit{}) {
		return 0, fmt.Errorf("%w limit: say which entries go", myvault.ErrInvalid)
	}
	if progress == nil {
		progress = func(uint64) {}
	}
	if err := t.Syncer.Failure(); err != nil {
		return 0, err
	}
	if err := t.File.CheckpointForSpace(ctx); err != nil {
		return 0, err
	}
	p := &Pruning{Trail: t, Limit: limit, Recorded: true}
	err = p.all(ctx, progress)
	if err == nil {
		err = t.File.ScrubNow(ctx)
	}
	if err == nil || p.begun != 0 {
		err = errors.Join(err, p.recordEnd(ctx, err))
	}
	return p.pruned, err
}

// actionPrune is what entries call a pruning.
const actionPrune = "prune"

// Pruning is a Prune in progress.
type Pruning struct {
	*Trail
	Limit    Limit
	pruned   uint64
	Recorded bool   // has entries of its own
	smaller  uint   // how often a step was halved, because the disk had no room for its log
	begun    uint64 // the sequence of the one that says that it was begun; 0: nothing was removed

	first, last time.Time // when the oldest and the newest that went were made
}

// recordEnd records how it ended, and what went.
func (p *Pruning) recordEnd(ctx context.Context, err error) error {
	e := begunEntry(actionPrune)
	e.Outcome, e.Count, e.First, e.Last = outcomeOf(err), p.pruned, p.first, p.last
	// It was done, so the end of the context must not keep it off the record.
	ctx, cancel := wal.ContextForCleanup(ctx)
	defer cancel()
	return p.Record(ctx, e)
}

// all removes what goes.
func (p *Pruning) all(ctx context.Context, progress func(pruned uint64)) error {
	for {
		n, err := p.Step(ctx)
		full := fault.NoSpace(err)
		if p.smaller > 0 || full {
			// The next step uses the room of this one.
			left := p.File.ScrubNow(ctx)
			full = full && !fault.NoSpace(left)
		}
		if full && ledger.PageRows>>p.smaller > 1 {
			p.smaller++
			continue
		}
		if err != nil || n == 0 {
			return p.File.SpaceError(ctx, err)
		}
		progress(p.pruned)
	}
}

// Step removes one page of entries at most. The first one that removes any says so in the
// same transaction.
func (p *Pruning) Step(ctx context.Context) (pruned uint64, err error) {
	begun, old := p.begun, []myvault.Entry(nil)
	err = p.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) (err error) {
		pruned = 0
		if err := p.writeBatch(c); err != nil { // what is committed together with it may go, too
			return err
		}
		var row int64
		if old, row, err = p.oldest(c); err != nil || len(old) == 0 {
			return err
		}
		pruned = uint64(len(old))
		if err := pruneEntries(p.File.Keys, c, old[len(old)-1], row); err != nil || !p.Recorded || p.begun != 0 {
			return err
		}
		d := p.Prepare(begunEntry(actionPrune))
		err = p.Append(c, &d)
		begun = d.entry.Seq
		return err
	}})
	// Where the outcome is unknown, the entry may be there.
	if err == nil || errors.Is(err, myvault.ErrUnknownOutcome) {
		p.begun = begun
	}
	if err == nil && pruned > 0 {
		p.count(old)
	}
	return pruned, err
}

// count adds entries that went.
func (p *Pruning) count(gone []myvault.Entry) {
	if p.pruned == 0 {
		p.first = gone[0].At
	}
	p.pruned += uint64(len(gone))
	p.last = gone[len(gone)-1].At
}

// oldest gives the entries that go next, proved, and the key of the batch that the last one stands in.
func (p *Pruning) oldest(c *db.Conn) (old []myvault.Entry, row int64, err error) {
	end := p.end.Seq
	if p.begun != 0 {
		end = min(end, p.begun)
	}
	over := false
	if p.Limit.Bytes > 0 {
		used, err := usedBytes(c)
		if err != nil {
			return nil, 0, err
		}
		over = used > p.Limit.Bytes
	}
	from, err := ReadPruned(p.File.Keys, c)
	if err != nil {
		return nil, 0, err
	}
	w := Walk{End: from, row: int64(from.Seq)}
	now, going := time.Now(), 0
	_, err = w.Step(c, func(e *myvault.Entry) (err error) {
		goes := over || e.Seq <= p.Limit.UpTo || e.At.Before(p.Limit.Before)
		// One that a wrong clock has stamped with a time to come goes with the next that goes.
		ahead := !p.Limit.Before.IsZero() && e.At.After(now)
		if !goes && !ahead || e.Seq >= end || len(old) == ledger.PageRows>>p.smaller {
			return errStop
		}
		if w.End, err = w.End.Follow(e, p.File.Keys); err != nil {
			return err
		}
		if old = append(old, *e); goes {
			going, row = len(old), w.row
		}
		return nil
	})
	return old[:going], row, err
}

// used gives how many bytes of the file hold something.
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

// When the retainer looks, and how long it leaves the trail to others between two steps.
const (
	retainEvery = time.Minute
	retainPause = 5 * time.Millisecond
)

// retainer prunes a trail in the background.
type retainer struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// startRetainer prunes t to the limits of c until stop. An entry that does not authenticate ends
// it: it is evidence.
func startRetainer(t *Trail, c Limits) *retainer {
	ctx, cancel := context.WithCancel(context.Background())
	r := &retainer{cancel: cancel}
	if c.MaxAge < 0 && c.MaxBytes < 0 {
		return r
	}
	start, watch := time.Now(), &ClockWatch{Age: c.MaxAge}
	r.ended.Go(func() {
		for wait := c.First; ctx.Err() == nil; wait = retainEvery {
			select {
			case <-time.After(wait):
				now := time.Now()
				t.EnforceLimits(ctx, c, watch, now.Round(0), now.Sub(start))
			case <-ctx.Done():
			}
		}
	})
	return r
}

func (r *retainer) stop() {
	r.cancel()
	r.ended.Wait()
}

// EnforceLimits prunes what is over the limits now. What goes by its size is on record, as that of a
// [Trail.Prune] is: a caller with the right to read can fill a trail, and must not push out entries
// unseen. Removal by age is not recorded: no caller can hasten it. wall is the time by the clock,
// and elapsed the time that has passed in this process.
func (t *Trail) EnforceLimits(ctx context.Context, c Limits, watch *ClockWatch, wall time.Time, elapsed time.Duration) {
	if t.Syncer.Failure() != nil {
		return // tried again later
	}
	if c.MaxAge > 0 {
		t.pruneByAge(ctx, watch, wall, elapsed)
	}
	if c.MaxBytes <= 0 || !t.exceeds(ctx, Limit{Bytes: c.MaxBytes}) {
		return
	}
	// Some more goes, so that a trail that stands at its limit has not two entries more each minute.
	p := &Pruning{Trail: t, Limit: Limit{Bytes: c.MaxBytes - c.MaxBytes/64}, Recorded: true}
	if err := p.withPauses(ctx); p.begun != 0 {
		_ = p.recordEnd(ctx, err) // that it was begun is on record
	}
}

// withPauses removes what goes, and leaves the trail to others between two steps.
func (p *Pruning) withPauses(ctx context.Context) error {
	for ctx.Err() == nil && p.exceeds(ctx, p.Limit) {
		if n, err := p.Step(ctx); err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(retainPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// exceeds reports whether something has to go, without keeping writers from their work.
func (t *Trail) exceeds(ctx context.Context, limit Limit) (exceeds bool) {
	err := t.File.Readers.Read(ctx, func(c *db.Conn) error {
		oldest, found, err := (&timeline{c: c, left: 1}).find(`seq >= ?1 ORDER BY seq`, 0)
		if err != nil {
			return err
		}
		used, err := usedBytes(c)
		exceeds = found && oldest.seq <= limit.UpTo || limit.Bytes > 0 && used > limit.Bytes
		return err
	})
	return err == nil && exceeds
}

// Limit is AccessLimit of package sqlite, which documents it.
type Limit struct {
	Before time.Time
	UpTo   uint64
	Bytes  int64
}
