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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Trail is a [myvault.Auditor] over one file, access.db, with keys and a chain of its
// own. Make one with [OpenTrail]. A [Store] has one.
type Trail struct {
	access *access.Trail
}

var _ myvault.Auditor = (*Trail)(nil)

// TrailConfig sets what a Trail may be told. The zero TrailConfig is ready for use.
type TrailConfig struct {
	// Entries older than MaxAge are removed in the background, a few at a time, as
	// [Trail.Prune] does. 0 means 90 days, a negative duration never. The age of an entry is the
	// time that the trail has seen pass since: steps from one entry to the next, each of a 16th of
	// MaxAge and of a day at most. A longer step counts for nothing, be it a clock that was set
	// or a store that was not in use, and neither does the machine's clock alone. A store in use
	// records an entry "clock" where it would be too long, and "clock-jump" if the clock jumps.
	// It is looked after every minute: a program that ends before the first one leaves it to
	// others, or calls Prune.
	MaxAge time.Duration
	// So are the oldest entries once all take more than MaxBytes of the file, until they take
	// a 64th less. That is on record as a Prune is. 0 means 1 GiB, a negative number never.
	MaxBytes int64
}

// limits returns c as the trail takes it.
func (c TrailConfig) limits() access.Limits {
	return access.Limits{MaxAge: c.MaxAge, MaxBytes: c.MaxBytes}
}

// keepAll is for a trail in which nothing may be removed.
var keepAll = TrailConfig{MaxAge: -1, MaxBytes: -1}

// OpenTrail opens the trail in dir, and makes it where there is none, for a provider that
// is no trail itself. It asks, checks and refuses as [Open] does.
func OpenTrail(ctx context.Context, dir string, keys KeySource, c TrailConfig) (*Trail, error) {
	key, absolute, err := admit(ctx, dir, keys, directory.System{}, schema.AccessFile)
	if err != nil {
		return nil, notOpened("trail", dir, err)
	}
	t, err := access.Open(ctx, absolute, key, wal.Options{Keys: keyring.Source(keys), Synchronous: db.SyncNormal}, c.limits())
	if err != nil {
		return nil, notOpened("trail", dir, fault.Unavailable(err))
	}
	return &Trail{t}, nil
}

// Record implements [myvault.Trail]. When it returns nil the entries survive a crash of
// the process; within 100 ms they are on the disk. Fields are cut to 128 bytes, and what
// cannot be shown is replaced. ErrUnavailable while the disk refuses to sync.
func (t *Trail) Record(ctx context.Context, entries ...myvault.Entry) error {
	return t.access.Record(ctx, entries...)
}

// Entries implements [myvault.Trail]. It reads pages and holds nothing between them.
// ErrTampered, by a [*BadEntry], at an entry that does not authenticate.
func (t *Trail) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return t.access.Entries(ctx, r)
}

// Heads implements [myvault.Auditor].
func (t *Trail) Heads(ctx context.Context) ([]myvault.Head, error) { return t.access.Heads(ctx) }

// Close waits for the calls in progress, makes the entries durable and closes the file. A
// second Close gives nil, later calls ErrClosed.
func (t *Trail) Close() error { return t.access.Close() }

// Metrics implements [myvault.Measured]: what the file of a trail has counted.
func (t *Trail) Metrics(ctx context.Context) []myvault.Metric {
	seq, err := t.access.Newest(ctx)
	return append(fileStats(t.access.File).measures("access"), entriesMeasure(seq, err))
}

// Rekey changes the master key of a trail that stands alone, as [Store.Rekey] does that of
// a store, in one step. A trail beside a vault.db is [myvault.ErrInvalid].
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

// Ping reports whether the file answers, and whether it can be written, as [Store.Ping] does.
func (t *Trail) Ping(ctx context.Context) error { return t.access.Ping(ctx) }

// Record implements [myvault.Trail]: the entries go to the chain of access entries, and
// each is stamped with the newest change that this process has seen. See [Trail.Record].
func (s *Store) Record(ctx context.Context, entries ...myvault.Entry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Seen = s.newest.Load()
	}
	return s.trail.Record(ctx, entries...)
}

// Entries implements [myvault.Trail]: both chains merged. See [Trail.Entries].
func (s *Store) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return ledger.Merge(ctx, r, ledger.ChangesSource(s.file.Keys, s.file.Readers.Read), s.trail.Source())
}

// Heads implements [myvault.Auditor]: that of the changes, then that of the accesses.
func (s *Store) Heads(ctx context.Context) ([]myvault.Head, error) {
	changes, err := ledger.ReadChainHead(ctx, s.file.Readers.Snapshot, ledger.ChangesHead)
	if err != nil {
		return nil, err
	}
	access, err := s.trail.Heads(ctx)
	return append([]myvault.Head{changes}, access...), err
}

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
