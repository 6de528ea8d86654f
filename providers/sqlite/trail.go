package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Trail is a [myvault.Auditor] over one file, access.db, which has its own keys and chain.
// Open one with [OpenTrail]. A [Store] has one.
type Trail struct {
	access *access.Trail
}

var _ myvault.Auditor = (*Trail)(nil)

// TrailConfig sets when entries are pruned in the background. The zero TrailConfig is ready
// for use.
type TrailConfig struct {
	// Entries older than MaxAge are pruned in the background, a few at a time, as by
	// [Trail.Prune]. 0 means 90 days, a negative duration never.
	//
	// The age of an entry is not the difference to the clock. It is the sum of the steps
	// between the entries after it. A step longer than a 16th of MaxAge, or than a day,
	// counts for nothing: the clock may have been set, or the store may not have been in
	// use. If nothing else is recorded for that long, a store in use records an entry
	// "clock". If the clock jumps it records "clock-jump".
	//
	// Pruning runs once a minute. A program that ends sooner can call Prune.
	MaxAge time.Duration
	// If the entries take more than MaxBytes of the file, the oldest are pruned until the
	// rest take a 64th less. The trail records this as it records a Prune. 0 means 1 GiB, a
	// negative number never.
	MaxBytes int64
}

// limits converts c for package access.
func (c TrailConfig) limits() access.Limits {
	return access.Limits{MaxAge: c.MaxAge, MaxBytes: c.MaxBytes}
}

// keepAll disables pruning in the background.
var keepAll = TrailConfig{MaxAge: -1, MaxBytes: -1}

// OpenTrail opens the trail in dir, for a provider without one. If there is no trail it
// creates one. It makes the same checks as [Open].
func OpenTrail(ctx context.Context, dir string, keys KeySource, c TrailConfig) (*Trail, error) {
	parts := seam.From(ctx)
	key, absolute, err := admit(ctx, dir, keys, directory.System{Network: parts.Network, Disk: parts.Disk}, schema.AccessFile)
	if err != nil {
		return nil, notOpened("trail", dir, err)
	}
	t, err := access.Open(ctx, absolute, key, wal.Options{VFS: parts.VFS, Keys: keyring.Source(keys), Synchronous: db.SyncNormal, Disk: parts.Disk}, c.limits())
	if err != nil {
		return nil, notOpened("trail", dir, fault.FromOS(err))
	}
	return &Trail{t}, nil
}

// Record implements [myvault.Trail]. When it returns, the entries survive a crash of the
// process; within 100 ms they are on the disk. Fields are cut to 128 bytes and unprintable
// characters are replaced. If an fsync fails, Record returns ErrUnavailable until the trail
// is opened again.
func (t *Trail) Record(ctx context.Context, entries ...myvault.Entry) error {
	return t.access.Record(ctx, entries...)
}

// Entries implements [myvault.Trail]. It reads pages and holds no lock between them. At an
// entry that does not authenticate it yields ErrTampered, as a [*BadEntry].
func (t *Trail) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return t.access.Entries(ctx, r)
}

// Heads implements [myvault.Auditor].
func (t *Trail) Heads(ctx context.Context) ([]myvault.Head, error) { return t.access.Heads(ctx) }

// Close waits for the calls in progress, syncs the entries and closes the file. A second
// Close returns nil. Later calls return ErrClosed.
func (t *Trail) Close() error { return t.access.Close() }

// Metrics implements [myvault.Instrumented] with the counts of the file.
func (t *Trail) Metrics(ctx context.Context) []myvault.Metric {
	seq, err := t.access.Newest(ctx)
	return append(fileStats(t.access.File).metrics("access"), entriesMetric(seq, err))
}

// Rekey changes the master key of a trail without a store, in one step; see [Store.Rekey].
// For a trail beside a vault.db it returns [myvault.ErrInvalid].
func (t *Trail) Rekey(ctx context.Context, key crypto.Key) error {
	to, err := crypto.NewMaster(key, t.access.File.Keys.Vault)
	if err != nil {
		return err
	}
	_, err = os.Lstat(filepath.Join(filepath.Dir(t.access.File.Path), schema.VaultFile.Name))
	if !fault.NotExist(err) {
		return errors.Join(err, fmt.Errorf("%w: the trail belongs to the store beside it; open that, and change its master key", myvault.ErrInvalid))
	}
	if err := t.access.Administer(ctx, actionRekey, func() error { return t.access.Rekey(ctx, to) }); err != nil {
		return fmt.Errorf("change of the master key: %w", err)
	}
	return nil
}

// Ping reports whether the file can be read and written; see [Store.Ping].
func (t *Trail) Ping(ctx context.Context) error { return t.access.Ping(ctx) }

// Record implements [myvault.Trail]. It appends the entries to the chain of accesses and
// stamps each with the newest change that this process has seen. See [Trail.Record].
func (s *Store) Record(ctx context.Context, entries ...myvault.Entry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Seen = s.newest.Load()
	}
	return s.trail.Record(ctx, entries...)
}

// Entries implements [myvault.Trail] with both chains merged. See [Trail.Entries].
func (s *Store) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return ledger.Merge(ctx, r, ledger.ChangesSource(s.file.Keys, s.file.Readers.Read), s.trail.Source())
}

// Heads implements [myvault.Auditor]. It returns the head of the changes, then that of the
// accesses.
func (s *Store) Heads(ctx context.Context) ([]myvault.Head, error) {
	changes, err := ledger.ReadChainHead(ctx, s.file.Readers.Snapshot, ledger.ChangesHead)
	if err != nil {
		return nil, err
	}
	access, err := s.trail.Heads(ctx)
	return append([]myvault.Head{changes}, access...), err
}

// AccessLimit selects the access entries to prune: the oldest ones that at least one field
// names. A zero field names none.
type AccessLimit struct {
	// Before names entries with an earlier time, up to the first that is not earlier. Entries
	// with a time in the future do not end it.
	Before time.Time
	UpTo   uint64 // entries up to this sequence
	Bytes  int64  // entries until the rest take at most so many bytes of the file
}

// PruneAccess prunes access entries and returns how many. See [Trail.Prune].
func (s *Store) PruneAccess(ctx context.Context, limit AccessLimit, progress func(pruned uint64)) (uint64, error) {
	return s.trail.Prune(ctx, access.Limit(limit), progress)
}

// Prune removes entries, the oldest first, and returns how many. It works in small steps
// between which others write. The newest entry always stays. The trail keeps the last
// removed link, with a MAC, so that the chain still authenticates. The file does not
// shrink; its free pages are reused.
//
// Each entry is authenticated before it is removed. Prune returns [myvault.ErrTampered] at
// one that fails and keeps it, and [myvault.ErrInvalid] for a limit without a field. If
// progress is not nil it is called after each step. A Prune that was stopped can be called
// again.
//
// The first step also writes an entry with the outcome [myvault.OutcomeBegun], which this
// call does not remove. A last entry has the outcome: its Count is the number of removed
// entries, and First and Last are the times of the oldest and the newest of them.
func (t *Trail) Prune(ctx context.Context, limit AccessLimit, progress func(pruned uint64)) (pruned uint64, err error) {
	return t.access.Prune(ctx, access.Limit(limit), progress)
}
