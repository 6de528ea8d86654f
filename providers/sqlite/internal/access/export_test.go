package access

import (
	"context"
	"errors"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// RecordUnless records the entries. If failing is set, the request fails after they were written.
func (t *Trail) RecordUnless(ctx context.Context, failing bool, entries ...myvault.Entry) error {
	return t.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		for _, e := range entries {
			d := t.prepare(e)
			if err := t.append(c, &d); err != nil {
				return err
			}
		}
		if failing {
			return errors.New("the request fails")
		}
		return nil
	}})
}

// PruneStep is one step of a pruning, which removes no old bytes: that would wait for readers.
func (t *Trail) PruneStep(ctx context.Context, upTo uint64) error {
	_, err := (&pruning{Trail: t, limit: Limit{UpTo: upTo}, recorded: true}).step(ctx)
	return err
}

// Looker returns one round of the background check of a trail, with a clock of the test: the wall
// time and the time elapsed in the process.
func (t *Trail) Looker(c Limits) func(wall time.Time, elapsed time.Duration) {
	usual := c.withDefaults()
	watch := &clockWatch{age: usual.MaxAge}
	return func(wall time.Time, elapsed time.Duration) {
		t.enforceLimits(context.Background(), usual, watch, wall, elapsed)
	}
}
