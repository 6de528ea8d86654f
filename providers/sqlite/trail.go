package sqlite

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

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

	first time.Duration // how long after the opening; for tests
}

// orUsual fills in what a zero field means.
func (c TrailConfig) orUsual() TrailConfig {
	if c.MaxAge == 0 {
		c.MaxAge = defaultTrailAge
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultTrailBytes
	}
	if c.first == 0 {
		c.first = retainEvery
	}
	return c
}

// keepAll is for a trail in which nothing may be removed.
var keepAll = TrailConfig{MaxAge: -1, MaxBytes: -1}

// Trail is a [myvault.Auditor] over one file, access.db, with keys and a chain of its
// own. Make one with [OpenTrail]. A [Store] has one.
type Trail struct {
	file     *wal.File
	end      ledger.Link  // owned by the writer, like what follows
	known    ledger.Link  // the newest entry known to be committed
	found    ledger.Claim // at the opening
	row      packed       // of the transaction, not yet written
	saved    ledger.Link
	savedRow packed
	syncer   *wal.Syncer
	retain   *retainer
	closed   atomic.Bool
}

var _ myvault.Auditor = (*Trail)(nil)

// OpenTrail opens the trail in dir, and makes it where there is none, for a provider that
// is no trail itself. It asks, checks and refuses as [Open] does.
func OpenTrail(ctx context.Context, dir string, keys KeySource, c TrailConfig) (*Trail, error) {
	key, absolute, err := admit(ctx, dir, keys, directory.System{}, schema.AccessFile)
	if err != nil {
		return nil, notOpened("trail", dir, err)
	}
	t, err := openTrail(ctx, absolute, key, wal.Options{Keys: keyring.Source(keys), Synchronous: db.SyncNormal}, c)
	if err != nil {
		return nil, notOpened("trail", dir, fault.Unavailable(err))
	}
	return t, nil
}

func openTrail(ctx context.Context, dir string, key crypto.Key, o wal.Options, c TrailConfig) (*Trail, error) {
	f, err := wal.Open(ctx, schema.AccessFile, dir, key, o)
	if err != nil {
		return nil, err
	}
	t := &Trail{file: f}
	if err := fault.Guard(func() (err error) { t.found, err = lastClaim(f.Anchor); return err }); err != nil {
		return nil, fault.FromEngine(ctx, errors.Join(err, f.Abandon()))
	}
	t.syncer = wal.StartSyncer(&wal.LogFile{Path: f.Path + "-wal", Disk: o.Disk, Instead: o.Sync}, &f.Writer.Disk, f.CheckPlaceAndLog)
	w := f.Writer
	w.Begin, w.Save, w.Restore, w.Committed = t.begin, t.save, t.restore, t.committed
	w.Finish = t.finish
	f.Start()
	t.retain = startRetainer(t, c.orUsual())
	return t, nil
}

func (t *Trail) begin(c *db.Conn, anew bool) (err error) {
	t.row = packed{body: t.row.body[:0]}
	if anew {
		if t.end, err = lastAccess(c); err == nil {
			err = t.goesOn(c)
		}
	}
	return err
}

// goesOn proves that the chain still has the last entry that this process knows to be committed,
// unless another one has pruned it.
func (t *Trail) goesOn(c *db.Conn) error {
	if t.known.Seq > 0 {
		mac, err := linkAt(c, t.known.Seq)
		if err != nil {
			return err
		}
		pruned := uint64(0)
		if mac == nil {
			pruned, err = prunedUpTo(c)
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(mac, t.known.MAC) && pruned <= t.known.Seq {
			return t.file.RolledBack(t.known.Seq)
		}
	}
	t.known = t.end
	return nil
}

// committed is called once the entries up to the end are committed.
func (t *Trail) committed() {
	t.known = t.end
	t.syncer.Written(t.end.Seq)
}

func (t *Trail) save()    { t.saved, t.savedRow = t.end, t.row }
func (t *Trail) restore() { t.end, t.row = t.saved, t.savedRow }

// Record implements [myvault.Trail]. When it returns nil the entries survive a crash of
// the process; within 100 ms they are on the disk. Fields are cut to 128 bytes, and what
// cannot be shown is replaced. ErrUnavailable while the disk refuses to sync.
func (t *Trail) Record(ctx context.Context, entries ...myvault.Entry) error {
	if err := t.syncer.Failure(); err != nil {
		return err
	}
	drafts := make([]draft, len(entries))
	for i := range entries {
		drafts[i] = t.draft(entries[i])
	}
	return t.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		for i := range drafts {
			if err := t.append(c, &drafts[i]); err != nil {
				return err
			}
		}
		return nil
	}})
}

// draft is an entry that is ready to be linked, with its encoding but for the sequence. It
// is made by the caller, while others write.
type draft struct {
	entry   myvault.Entry
	encoded []byte
}

func (t *Trail) draft(e myvault.Entry) (d draft) {
	d.entry = ledger.Normalize(e, myvault.ChainAccess)
	d.encoded = ledger.Canonical(t.file.Keys.Vault, &d.entry).BytesOrPanic()
	return d
}

// append links an entry to the chain and puts it into the row that is being made.
func (t *Trail) append(c *db.Conn, d *draft) error {
	if t.row.full() {
		if err := t.flush(c); err != nil {
			return err
		}
	}
	e := &d.entry
	e.Seq = t.end.Seq + 1
	ledger.SetSeq(d.encoded, t.file.Keys.Vault, e)
	mac := t.file.Keys.Chain.Link(t.end.MAC, d.encoded)
	t.row.add(e, mac)
	t.end = ledger.Link{Seq: e.Seq, MAC: mac}
	return nil
}

// finish writes what is left at the end of a transaction. Nobody goes back behind it, so its memory
// is used again.
func (t *Trail) finish(c *db.Conn) error {
	body := t.row.body
	err := t.flush(c)
	if err == nil {
		t.row.body = body[:0]
	}
	return err
}

// flush writes the row that is being made. The memory of its body stays what it is: a request
// that fails goes back to it.
func (t *Trail) flush(c *db.Conn) error {
	if t.row.n == 0 {
		return nil
	}
	err := t.row.insert(c)
	if err == nil {
		t.row = packed{}
	}
	return err
}

// Entries implements [myvault.Trail]. It reads pages and holds nothing between them.
// ErrTampered, by a [*BadEntry], at an entry that does not authenticate.
func (t *Trail) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return ledger.Merge(ctx, r, t.source())
}

// Heads implements [myvault.Auditor].
func (t *Trail) Heads(ctx context.Context) ([]myvault.Head, error) {
	h, err := ledger.ReadChainHead(ctx, t.file.Readers.Snapshot, accessHead)
	if err != nil {
		return nil, err
	}
	return []myvault.Head{h}, nil
}

// Close waits for the calls in progress, makes the entries durable and closes the file. A
// second Close gives nil, later calls ErrClosed.
func (t *Trail) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	t.retain.stop()
	t.file.Writer.Stop()
	// Before the writer's connection may remove the write-ahead log.
	synced := t.syncer.Close()
	return errors.Join(synced, t.file.Close())
}
