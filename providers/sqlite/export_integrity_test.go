package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
	"github.com/ncruces/go-sqlite3"
)

// SchemaDigests returns, for each kind of file, the digest of the newest expected schema and that
// of the tables that are created.
func SchemaDigests() (expected, made map[string]string, err error) {
	expected, made = map[string]string{}, map[string]string{}
	for _, k := range []schema.Kind{schema.VaultFile, schema.AccessFile} {
		expected[k.Name] = k.Schemas[len(k.Schemas)-1]
		opened, err := sqlite3.Open(":memory:")
		if err != nil {
			return nil, nil, err
		}
		c := db.Wrap(opened)
		if err = c.Exec(k.Tables); err == nil {
			made[k.Name], err = schema.Digest(c)
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return nil, nil, err
		}
	}
	return expected, made, nil
}

// SchemaNumber returns PRAGMA schema_version of the trail's file.
func (s *Store) SchemaNumber() (number string, err error) {
	err = s.trail.File.Readers.Read(context.Background(), func(c *db.Conn) (err error) {
		number, err = c.Pragma("schema_version")
		return err
	})
	return number, err
}

// WriterRunsOne has the writer run a statement as this package runs its own.
func (s *Store) WriterRunsOne(sql string) error {
	return s.file.Writer.Do(context.Background(), &wal.Request{Apply: func(c *db.Conn) error { return c.Run(sql) }})
}

// TrailSynced reports whether all entries are known to be on the disk.
func (s *Store) TrailSynced() bool {
	return s.trail.Syncer.Synced.Load() == s.trail.Syncer.Newest.Load()
}

// Claim has the next entries say that they have seen a change.
func (s *Store) Claim(seq uint64) { s.newest.Store(seq) }

// Looker returns one round of the background check of a trail, with a clock of the test: the wall
// time and the time elapsed in the process.
func (s *Store) Looker(c TrailConfig) func(wall time.Time, elapsed time.Duration) {
	usual := c.limits().WithDefaults()
	watch := &access.ClockWatch{Age: usual.MaxAge}
	return func(wall time.Time, elapsed time.Duration) {
		s.trail.EnforceLimits(context.Background(), usual, watch, wall, elapsed)
	}
}

// LogState is what a test lets a WAL-index say.
type LogState struct{ Backfill, Attempted uint32 }

// OverwriteWatch watches a file that does not exist.
func OverwriteWatch(state func() LogState, stat func() fs.FileInfo) (check func(now fs.FileInfo) error, note func()) {
	w := &wal.OverwriteWatch{
		Read: func() (wal.IndexState, bool) {
			s := state()
			return wal.IndexState{Backfill: s.Backfill, Attempted: s.Attempted}, true
		},
		Stat: func() (fs.FileInfo, error) { return stat(), nil },
	}
	return func(now fs.FileInfo) error { return w.Check("vault.db", now, now) }, w.Update
}
