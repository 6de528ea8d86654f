package access

import (
	"context"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// Limits control which entries are removed in the background; see TrailConfig of package sqlite.
type Limits struct {
	MaxAge   time.Duration
	MaxBytes int64
	First    time.Duration // from Open to the first removal; for tests
}

// The defaults of Limits.
const (
	defaultMaxAge   = 90 * 24 * time.Hour
	defaultMaxBytes = 1 << 30
)

// withDefaults returns c with its zero fields set to their defaults.
func (c Limits) withDefaults() Limits {
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.First == 0 {
		c.First = retainEvery
	}
	return c
}

const (
	retainEvery = time.Minute          // between two checks of the limits
	retainPause = 5 * time.Millisecond // between two steps, for other writers
)

// retainer is the goroutine that prunes a trail in the background.
type retainer struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// startRetainer prunes t to the limits c until stop. An entry that does not authenticate stops each
// pruning: it is kept as evidence.
func startRetainer(t *Trail, c Limits) *retainer {
	ctx, cancel := context.WithCancel(context.Background())
	r := &retainer{cancel: cancel}
	if c.MaxAge < 0 && c.MaxBytes < 0 {
		return r
	}
	start, watch := time.Now(), &clockWatch{age: c.MaxAge}
	r.ended.Go(func() {
		for wait := c.First; ctx.Err() == nil; wait = retainEvery {
			select {
			case <-time.After(wait):
				now := time.Now()
				t.enforceLimits(ctx, c, watch, now.Round(0), now.Sub(start))
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

// enforceLimits removes entries that exceed the limits now. Removal by size is recorded, as by
// [Trail.Prune]: a caller with the right to read can fill a trail, and must not push out entries
// unnoticed. Removal by age is not recorded, because no caller can hasten it. wall is the time of
// the clock, and elapsed the time that has passed in this process.
func (t *Trail) enforceLimits(ctx context.Context, c Limits, watch *clockWatch, wall time.Time, elapsed time.Duration) {
	if t.File.Writer.Disk.Stopped() != nil {
		return // the next check tries again
	}
	if c.MaxAge > 0 {
		t.enforceAge(ctx, watch, wall, elapsed)
	}
	if c.MaxBytes <= 0 || !t.exceeds(ctx, Limit{Bytes: c.MaxBytes}) {
		return
	}
	// Remove a 64th more, or a trail at its limit would get two entries about pruning each minute.
	p := &pruning{Trail: t, limit: Limit{Bytes: c.MaxBytes - c.MaxBytes/64}, recorded: true}
	if err := p.runPaced(ctx); p.begun != 0 {
		_ = p.recordEnd(ctx, err)
	}
}

// runPaced removes all selected entries, with a pause after each step for other writers.
func (p *pruning) runPaced(ctx context.Context) error {
	for ctx.Err() == nil && p.exceeds(ctx, p.limit) {
		if n, err := p.step(ctx); err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(retainPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// exceeds reports whether limit selects any entry. It does not block writers.
func (t *Trail) exceeds(ctx context.Context, limit Limit) (exceeds bool) {
	err := t.File.Readers.Read(ctx, func(c *db.Conn) error {
		oldest, found, err := (&timeline{c: c, rowsLeft: 1}).find(`seq >= ?1 ORDER BY seq`, 0)
		if err != nil {
			return err
		}
		used, err := usedBytes(c)
		exceeds = found && oldest.seq <= limit.UpTo || limit.Bytes > 0 && used > limit.Bytes
		return err
	})
	return err == nil && exceeds
}
