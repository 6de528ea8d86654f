// Package access is the trail of accesses: a chain of entries in access.db. It appends, reads and
// prunes entries, removes old ones in the background and makes entries durable. It does not know
// vault.db or the log of changes, and its callers see no SQL.
package access

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Trail is the trail in access.db. Package sqlite documents its exported methods.
type Trail struct {
	File      *wal.File
	LastClaim ledger.Claim // of the last batch in the file
	Syncer    *wal.Syncer
	retain    *retainer
	closed    atomic.Bool

	// The writer's goroutine owns these:
	end          ledger.Link // the last entry appended
	committedEnd ledger.Link // the last entry that this process knows to be committed
	pending      Batch       // entries of the transaction that are not in the file yet
	saved        ledger.Link
	savedPending Batch
}

// Open opens the trail in dir and starts removing entries that exceed the limits.
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
	w.BeforeCommit = t.flush
	f.Start()
	t.retain = startRetainer(t, c.withDefaults())
	return t, nil
}

// begin prepares a transaction. It reads the end of the chain if changed, which means that another
// connection may have written or the last transaction failed.
func (t *Trail) begin(c *db.Conn, changed bool) (err error) {
	t.pending = Batch{}
	if changed {
		var head myvault.Head
		if head, err = ReadHead(c); err == nil {
			t.end = ledger.Link{Seq: head.Seq, MAC: head.MAC}
			err = t.checkChain(c)
		}
	}
	return err
}

// checkChain returns an error if the chain no longer has the last entry that this process knows to
// be committed, unless another process has pruned it: the file was replaced by an older one.
func (t *Trail) checkChain(c *db.Conn) error {
	if t.committedEnd.Seq > 0 {
		mac, err := MACAt(c, t.committedEnd.Seq)
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

// committed is called after a commit: the entries up to end are in the file.
func (t *Trail) committed() {
	t.committedEnd = t.end
	t.Syncer.Recorded(t.end.Seq)
}

func (t *Trail) save()    { t.saved, t.savedPending = t.end, t.pending }
func (t *Trail) restore() { t.end, t.pending = t.saved, t.savedPending }

// Record appends entries to the chain.
func (t *Trail) Record(ctx context.Context, entries ...myvault.Entry) error {
	if err := t.File.Writer.Disk.Stopped(); err != nil {
		return err
	}
	drafts := make([]draft, len(entries))
	for i := range entries {
		drafts[i] = t.prepare(entries[i])
	}
	return t.File.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		for i := range drafts {
			if err := t.append(c, &drafts[i]); err != nil {
				return err
			}
		}
		return nil
	}})
}

// draft is an entry and its encoding, without the sequence. Callers encode it outside the writer's
// goroutine, so that they do so in parallel.
type draft struct {
	entry   myvault.Entry
	encoded []byte
}

// prepare prepares e for Append.
func (t *Trail) prepare(e myvault.Entry) (d draft) {
	d.entry = ledger.Normalize(e, myvault.ChainAccess)
	d.encoded = ledger.Canonical(t.File.Keys.Vault, &d.entry).BytesOrPanic()
	return d
}

// append adds an entry to the chain, within a transaction of the writer.
func (t *Trail) append(c *db.Conn, d *draft) error {
	if t.pending.N == maxEntries || len(t.pending.body) >= fullSize {
		if err := t.flush(c); err != nil {
			return err
		}
	}
	e := &d.entry
	e.Seq = t.end.Seq + 1
	ledger.SetSeq(d.encoded, t.File.Keys.Vault, e)
	mac := t.File.Keys.Chain.Link(t.end.MAC, d.encoded)
	t.pending.Add(e, mac)
	t.end = ledger.Link{Seq: e.Seq, MAC: mac}
	return nil
}

// flush writes the pending row. It does not reuse the memory of the body: undoing a failed request
// restores an earlier copy of the row, which shares it.
func (t *Trail) flush(c *db.Conn) error {
	if t.pending.N == 0 {
		return nil
	}
	err := t.pending.insert(c)
	if err == nil {
		t.pending = Batch{}
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
	// Sync first: closing the writer's connection may remove the write-ahead log.
	synced := t.Syncer.Close()
	return errors.Join(synced, t.File.Close())
}
