// Package access has the trail of accesses: the chain of entries in access.db, how it is read, pruned and
// brought to the disk.
package access

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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// OrUsual fills in what a zero field means.
func (c Limits) OrUsual() Limits {
	if c.MaxAge == 0 {
		c.MaxAge = defaultTrailAge
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultTrailBytes
	}
	if c.First == 0 {
		c.First = retainEvery
	}
	return c
}

// Trail is the trail in access.db. Package sqlite documents its exported methods.
type Trail struct {
	File         *wal.File
	end          ledger.Link  // owned by the writer, like what follows
	committedEnd ledger.Link  // the newest entry known to be committed
	LastClaim    ledger.Claim // at the opening
	batch        Batch        // of the transaction, not yet written
	saved        ledger.Link
	savedRow     Batch
	Syncer       *wal.Syncer
	retain       *retainer
	closed       atomic.Bool
}

func Open(ctx context.Context, dir string, key crypto.Key, o wal.Options, c Limits) (*Trail, error) {
	f, err := wal.Open(ctx, schema.AccessFile, dir, key, o)
	if err != nil {
		return nil, err
	}
	t := &Trail{File: f}
	if err := fault.Guard(func() (err error) { t.LastClaim, err = lastClaim(f.Anchor); return err }); err != nil {
		return nil, fault.FromEngine(ctx, errors.Join(err, f.Abandon()))
	}
	t.Syncer = wal.StartSyncer(&wal.LogFile{Path: f.Path + "-wal", Disk: o.Disk, SyncForTest: o.Sync}, &f.Writer.Disk, f.CheckFilesAndLog)
	w := f.Writer
	w.BeforeBatch, w.Save, w.Restore, w.AfterCommit = t.begin, t.save, t.restore, t.committed
	w.BeforeCommit = t.finish
	f.Start()
	t.retain = startRetainer(t, c.OrUsual())
	return t, nil
}

func (t *Trail) begin(c *db.Conn, anew bool) (err error) {
	t.batch = Batch{body: t.batch.body[:0]}
	if anew {
		if t.end, err = lastAccess(c); err == nil {
			err = t.checkChain(c)
		}
	}
	return err
}

// checkChain proves that the chain still has the last entry that this process knows to be committed,
// unless another one has pruned it.
func (t *Trail) checkChain(c *db.Conn) error {
	if t.committedEnd.Seq > 0 {
		mac, err := LinkAt(c, t.committedEnd.Seq)
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
		if !bytes.Equal(mac, t.committedEnd.MAC) && pruned <= t.committedEnd.Seq {
			return t.File.RolledBack(t.committedEnd.Seq)
		}
	}
	t.committedEnd = t.end
	return nil
}

// committed is called once the entries up to the end are committed.
func (t *Trail) committed() {
	t.committedEnd = t.end
	t.Syncer.Recorded(t.end.Seq)
}

func (t *Trail) save()    { t.saved, t.savedRow = t.end, t.batch }
func (t *Trail) restore() { t.end, t.batch = t.saved, t.savedRow }

// Record appends entries to the chain.
func (t *Trail) Record(ctx context.Context, entries ...myvault.Entry) error {
	if err := t.Syncer.Failure(); err != nil {
		return err
	}
	drafts := make([]draft, len(entries))
	for i := range entries {
		drafts[i] = t.Prepare(entries[i])
	}
	return t.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		for i := range drafts {
			if err := t.Append(c, &drafts[i]); err != nil {
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

func (t *Trail) Prepare(e myvault.Entry) (d draft) {
	d.entry = ledger.Normalize(e, myvault.ChainAccess)
	d.encoded = ledger.Canonical(t.File.Keys.Vault, &d.entry).BytesOrPanic()
	return d
}

// Append links an entry to the chain and puts it into the row that is being made.
func (t *Trail) Append(c *db.Conn, d *draft) error {
	if t.batch.full() {
		if err := t.writeBatch(c); err != nil {
			return err
		}
	}
	e := &d.entry
	e.Seq = t.end.Seq + 1
	ledger.SetSeq(d.encoded, t.File.Keys.Vault, e)
	mac := t.File.Keys.Chain.Link(t.end.MAC, d.encoded)
	t.batch.Add(e, mac)
	t.end = ledger.Link{Seq: e.Seq, MAC: mac}
	return nil
}

// finish writes what is left at the end of a transaction. Nobody goes back behind it, so its memory
// is used again.
func (t *Trail) finish(c *db.Conn) error {
	body := t.batch.body
	err := t.writeBatch(c)
	if err == nil {
		t.batch.body = body[:0]
	}
	return err
}

// writeBatch writes the row that is being made. The memory of its body stays what it is: a request
// that fails goes back to it.
func (t *Trail) writeBatch(c *db.Conn) error {
	if t.batch.N == 0 {
		return nil
	}
	err := t.batch.insert(c)
	if err == nil {
		t.batch = Batch{}
	}
	return err
}

// Entries returns the entries that r selects, the newest first.
func (t *Trail) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return ledger.Merge(ctx, r, t.Source())
}

// Heads returns the newest link of the chain.
func (t *Trail) Heads(ctx context.Context) ([]myvault.Head, error) {
	h, err := ledger.ReadChainHead(ctx, t.File.Readers.Snapshot, ReadHead)
	if err != nil {
		return nil, err
	}
	return []myvault.Head{h}, nil
}

// Close makes the entries durable and closes the file.
func (t *Trail) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	t.retain.stop()
	t.File.Writer.Stop()
	// Before the writer's connection may remove the write-ahead log.
	synced := t.Syncer.Close()
	return errors.Join(synced, t.File.Close())
}

// Limits say when entries are removed in the background; see TrailConfig of package sqlite.
type Limits struct {
	MaxAge   time.Duration
	MaxBytes int64
	First    time.Duration // how long after the opening; for tests
}
