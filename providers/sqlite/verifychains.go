package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// accesses verifies the chain of accesses, from the first entry that was not pruned.
func (v *verification) accesses(ctx context.Context) error {
	w := access.Walk{End: ledger.Link{MAC: crypto.Genesis()}}
	for more := true; more; {
		var err error
		if more, err = v.someAccesses(ctx, &w); err != nil {
			return err
		}
		v.progress.accesses(w.End.Seq)
	}
	v.report.Pruned, v.accessEnd = v.pruned.Seq, w.End.Seq
	return nil
}

// someAccesses verifies the next entries and reports whether there were any.
func (v *verification) someAccesses(ctx context.Context, w *access.Walk) (more bool, err error) {
	err = v.trail.File.Readers.Snapshot(ctx, func(c *db.Conn) error {
		// It may be pruned meanwhile.
		if v.pruned, err = access.ReadPruned(v.access, c); err != nil {
			return err
		}
		if err = checkPruned(c, v.pruned.Seq); err != nil {
			return err
		}
		w.SkipPruned(v.pruned)
		more, err = w.Step(c, func(e *myvault.Entry) (err error) {
			if w.End, err = w.End.Follow(e, v.access); err == nil {
				v.report.Accesses++
				v.accessClaim.Observe(e)
			}
			return err
		})
		return err
	})
	return more, err
}

// checkPruned checks that no entry up to upTo is left: no chain covers pruned entries.
func checkPruned(c *db.Conn, upTo uint64) error {
	return c.Each(`SELECT seq FROM batch WHERE seq <= ?1 LIMIT 1`, func(row *sqlite3.Stmt) error {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: uint64(row.ColumnInt64(0)), Reason: "it was pruned and is there again"}
	}, upTo)
}

// compare compares the chains with earlier heads and reads the current ones.
func (v *verification) compare(ctx context.Context, earlier []myvault.Head) (err error) {
	compared, err := v.compareWith(ctx, earlier)
	if err != nil {
		return err
	}
	v.report.TruncationChecked = compared[myvault.ChainChanges] && compared[myvault.ChainAccess]
	v.report.Heads, err = v.Heads(ctx)
	return err
}

// compareWith returns the chains of which a head was compared.
func (v *verification) compareWith(ctx context.Context, earlier []myvault.Head) (compared map[string]bool, err error) {
	compared = map[string]bool{}
	for _, h := range earlier {
		// The link at which the chain was pruned is still known, those before it are not.
		if h.Chain == myvault.ChainAccess && h.Seq != 0 && h.Seq < v.pruned.Seq {
			v.report.NotComparable = append(v.report.NotComparable, h)
			continue
		}
		switch there, err := v.contains(ctx, h); {
		case err != nil:
			return nil, err
		case there:
			compared[h.Chain] = true
			v.report.Compared = append(v.report.Compared, h)
		default:
			v.report.NotComparable = append(v.report.NotComparable, h)
		}
	}
	return compared, nil
}

// contains checks that a chain still has the entry of h. there is false if the entry was
// pruned since the walk.
func (v *verification) contains(ctx context.Context, h myvault.Head) (there bool, err error) {
	var of *wal.File
	var link func(c *db.Conn) ([]byte, error)
	switch h.Chain {
	case myvault.ChainChanges:
		of, link = v.file, func(c *db.Conn) ([]byte, error) { return c.Blob(`SELECT mac FROM log WHERE seq = ?1`, h.Seq) }
	case myvault.ChainAccess:
		of, link = v.trail.File, func(c *db.Conn) (mac []byte, err error) {
			if v.pruned, err = access.ReadPruned(v.access, c); err == nil {
				mac, err = access.MACAt(c, h.Seq)
			}
			return mac, err
		}
	default:
		return false, fmt.Errorf("%w head: there is no such chain", myvault.ErrInvalid)
	}
	if h.Seq == 0 {
		return true, nil // every chain goes on from nothing
	}
	var mac []byte
	err = of.Readers.Snapshot(ctx, func(c *db.Conn) error { // pruning between two queries is no truncation
		mac, err = link(c)
		return err
	})
	switch {
	case err != nil || mac == nil && h.Chain == myvault.ChainAccess && h.Seq < v.pruned.Seq:
		return false, err
	case mac == nil:
		return false, &fault.BadEntry{Chain: h.Chain, Seq: h.Seq, Reason: "the chain was cut short before it"}
	case !bytes.Equal(mac, h.MAC):
		return false, &fault.BadEntry{Chain: h.Chain, Seq: h.Seq, Reason: "it is not the one that was there before"}
	}
	return true, nil
}

// Verify verifies a trail without a store, as [Store.Verify] does a store: its schema and
// keys, every entry since the last pruned one, and the pages of its file. An earlier head
// of its chain proves that the chain was not truncated. A head of another chain is
// [myvault.ErrInvalid].
func (t *Trail) Verify(ctx context.Context, earlier ...myvault.Head) (Report, error) {
	v := &verification{Store: &Store{trail: t.access}, progress: newVerifyProgress(ctx, t.Heads)}
	for _, h := range earlier {
		if h.Chain != myvault.ChainAccess {
			return v.report, fmt.Errorf("%w head: a trail has no chain but that of %s", myvault.ErrInvalid, myvault.ChainAccess)
		}
	}
	for _, step := range []func(context.Context) error{v.trailStructure, v.accesses, t.access.File.Integrity} {
		if err := step(ctx); err != nil {
			return v.report, err
		}
	}
	compared, err := v.compareWith(ctx, earlier)
	if err != nil {
		return v.report, err
	}
	v.report.TruncationChecked = compared[myvault.ChainAccess]
	v.report.Heads, err = t.Heads(ctx)
	return v.report, err
}

// replay applies the change of a row to the register.
func (v *verification) replay(r *ledger.LogRow) {
	name := r.Entry.Address.Project
	p, registered := v.register[name]
	switch r.Op {
	case myvault.OpPut, myvault.OpUndelete:
		if !registered && !ledger.Reserved(name) {
			v.register[name] = myvault.Project{Name: name, At: r.At, By: r.Author}
		}
	case myvault.OpPutProject:
		if !registered {
			p = myvault.Project{Name: name, At: r.At, By: r.Author}
		}
		p.Description = r.Description
		v.register[name] = p
	case myvault.OpDefaultProject:
		for other, p := range v.register {
			if p.Default != (other == name) {
				p.Default = !p.Default
				v.register[other] = p
			}
		}
	case myvault.OpDeleteProject:
		delete(v.register, name)
	}
}

// projects compares the register with the one that the log makes.
func (v *verification) projects(c *db.Conn) error {
	err := c.Each(`SELECT `+ledger.ProjectColumns+` FROM project`, func(row *sqlite3.Stmt) error {
		p, err := ledger.ScanProject(v.keys, row)
		if err != nil {
			return err
		}
		if v.register[p.Name] != p {
			return fault.Tampered("a row of the table project tells another story than the log")
		}
		v.report.Projects++
		return nil
	})
	if err == nil && v.report.Projects != len(v.register) {
		err = fault.Tampered("the register has %d projects and the log %d", v.report.Projects, len(v.register))
	}
	return err
}

// structure verifies the schemas and the keys in the files. The rows are verified with
// those keys, not with the ones in memory: a store whose keys were spoiled while open could
// not be opened again.
func (v *verification) structure(ctx context.Context) (err error) {
	if v.keys, err = rereadKeys(ctx, v.file); err != nil {
		return err
	}
	if err := v.trailStructure(ctx); err != nil {
		return err
	}
	return v.file.Readers.Read(ctx, v.provePair)
}

// trailStructure verifies schema and keys of access.db.
func (v *verification) trailStructure(ctx context.Context) (err error) {
	if v.access, err = rereadKeys(ctx, v.trail.File); err != nil {
		return err
	}
	return v.trail.File.Readers.Read(ctx, func(c *db.Conn) error {
		next, err := c.Meta(keyring.MetaNextCheck)
		v.report.Rekeying = next != nil
		return err
	})
}

// rereadKeys verifies the schema and reads the keys.
func rereadKeys(ctx context.Context, f *wal.File) (keys *keyring.Ring, err error) {
	err = f.Readers.Snapshot(ctx, func(c *db.Conn) error {
		if err := identifyAgain(f, c); err != nil {
			return err
		}
		c.SchemaChecked = false
		if err := f.CheckSchema(c); err != nil {
			return err
		}
		keys, err = f.Keys.Reread(c)
		return err
	})
	return keys, err
}

// identifyAgain checks that the file still has the application id of its kind.
func identifyAgain(f *wal.File, c *db.Conn) error {
	err := f.Kind.Identify(c)
	if errors.Is(err, fault.ErrForeign) {
		err = fault.Tampered("%s has another application id", f.Kind.Name)
	}
	return err
}

// integrity has the engine check the pages and indexes of both files: an index that omits a
// row hides it. https://sqlite.org/pragma.html#pragma_integrity_check
func (v *verification) integrity(ctx context.Context) error {
	if err := v.file.Integrity(ctx); err != nil {
		return err
	}
	return v.trail.File.Integrity(ctx)
}
