package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// destroy removes the records of the versions named, or of all where none is. Its log row
// names them all, whether they were destroyed before or not.
func (tx *transaction) destroy(c myvault.Change, r *logRow) (myvault.Info, error) {
	h, err := tx.head(c.Address)
	if err != nil {
		return myvault.Info{}, err
	}
	if r.destroyed, err = spansOf(c, h.Version); err != nil {
		return myvault.Info{}, err
	}
	newest := r.destroyed[len(r.destroyed)-1].Last
	var info myvault.Info
	lowest := r.destroyed[0].First
	for version, err := range tx.history(h.seq) {
		if err != nil {
			return myvault.Info{}, err
		}
		if version.Version < lowest {
			break
		}
		if !r.destroyed.contain(version.Version) {
			continue
		}
		if err := tx.erase(version.seq); err != nil {
			return myvault.Info{}, err
		}
		if version.Version == newest {
			info = version.Info
		}
	}
	if info.Version != newest {
		return myvault.Info{}, fault.Tampered("version %d is missing in the history that ends at log sequence %d", newest, h.seq)
	}
	if newest == h.Version {
		h.State = myvault.Destroyed
	}
	info.State = myvault.Destroyed
	r.entry.Version = newest
	return info, tx.write(r, h)
}

// erase removes the record of a log row, and what it was sealed anew as.
func (tx *transaction) erase(seq uint64) error {
	if err := tx.c.Run(`UPDATE log SET sealed = NULL WHERE seq = ?1`, seq); err != nil {
		return err
	}
	return tx.c.Run(`DELETE FROM reseal WHERE seq = ?1`, seq)
}

// spansOf gives the versions in rising order; all up to the current one for none.
func spansOf(c myvault.Change, current myvault.Version) (spans, error) {
	if current == 0 {
		return nil, myvault.ErrNotFound
	}
	if len(c.Versions) > 0 && (slices.Min(c.Versions) == 0 || slices.Max(c.Versions) > current) {
		return nil, myvault.ErrNotFound
	}
	return c.Destroys(current), nil
}

// scrubTimeout is how long a destroy waits for readers, whose snapshots
// need the old bytes; writers wait behind it.
const scrubTimeout = 2 * time.Second

// scrub removes old bytes from the write-ahead log: it brings the log into the file, where
// secure_delete has overwritten them, and cuts it to nothing. The engine does not sync that
// cut; without a sync a power cut would bring the bytes back. Where it does not come to its
// end, the writer owes it.
func (f *file) scrub(ctx context.Context, c *db.Conn, wait time.Duration) error {
	err := f.cut(ctx, c, wait)
	if err == nil {
		return nil
	}
	f.writer.owed.Store(true)
	return fmt.Errorf("old bytes may be in the write-ahead log; they go with a later change, once no backup or verification reads: %w", err)
}

// errHeld: to wait for the snapshot of a backup would stall all writers, and in vain.
var errHeld = errors.New("a backup is running, and the old bytes go when it ends")

func (f *file) cut(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.shots.Load() > 0 {
		return errHeld
	}
	if err := f.inPlace(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := truncate(ctx, c)
	f.overwrites.note()
	if err == nil {
		err = f.options.disk.SyncFile(f.path + "-wal")
	}
	return errors.Join(err, c.BusyTimeout(c.Busy))
}

// cutUnlessRead is cut where nothing reads for long: then waiting would be in vain.
func (f *file) cutUnlessRead(ctx context.Context, c *db.Conn, wait time.Duration) error {
	if f.long.Load() {
		return errHeld
	}
	return f.cut(ctx, c, wait)
}

// shorten cuts a log that has become long. That others keep it from that is no error.
func (f *file) shorten(ctx context.Context, c *db.Conn) error {
	if sizeOf(f.path+"-wal") <= db.LogBytes || f.writer.disk.logUnsynced() {
		return nil
	}
	err := f.cut(ctx, c, cutWithin)
	if fault.HasCode(err, sqlite3.BUSY, sqlite3.LOCKED) || errors.Is(err, errHeld) {
		return nil
	}
	return err
}

// truncate tries until ctx ends, but once in any case. The engine itself waits for readers and
// writers, but not for another connection that checkpoints:
// https://sqlite.org/c3ref/wal_checkpoint_v2.html
func truncate(ctx context.Context, c *db.Conn) error {
	err := c.BusyHandler(func(context.Context, int) bool {
		if ctx.Err() != nil {
			return false
		}
		time.Sleep(time.Millisecond)
		return true
	})
	for err == nil || fault.HasCode(err, sqlite3.BUSY) && ctx.Err() == nil {
		if _, _, err = c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE); err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return err
}
