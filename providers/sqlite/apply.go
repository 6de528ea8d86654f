package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Apply implements [myvault.Provider]. For a destroy it returns the newest of the versions
// that were destroyed, for a change of a project an Info of version 0. A commit with
// entries must have one for each change; otherwise Apply returns ErrInvalid.
//
// The context matters only until the commit begins; then Apply waits for its end. It
// returns ErrUnknownOutcome if the disk failed during the commit. It also does if a value
// was destroyed but its old bytes may still be in the write-ahead log; then destroy it
// again. After a failed fsync it returns ErrUnavailable until the store is opened again.
func (s *Store) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Entries) != 0 && len(c.Entries) != len(c.Changes) {
		return nil, fmt.Errorf("%w commit: %d entries for %d changes; use one for each, or none",
			myvault.ErrInvalid, len(c.Entries), len(c.Changes))
	}
	var infos []myvault.Info
	r := &wal.Request{Apply: func(conn *db.Conn) (err error) {
		infos, err = s.apply(conn, c)
		return err
	}}
	r.Scrub = slices.ContainsFunc(c.Changes, func(c myvault.Change) bool { return c.Op == myvault.OpDestroy })
	if err := s.file.Writer.Do(ctx, r); err != nil {
		return nil, err
	}
	return infos, nil
}

// transaction is one commit being applied.
type transaction struct {
	*Store
	c      *db.Conn
	commit myvault.Commit
}

func (s *Store) apply(c *db.Conn, commit myvault.Commit) ([]myvault.Info, error) {
	commit.At = ledger.StoredTime(commit.At)
	commit.By = ledger.Sanitize(commit.By, ledger.MaxField)
	tx := &transaction{Store: s, c: c, commit: commit}
	infos := make([]myvault.Info, 0, len(commit.Changes))
	for i, change := range commit.Changes {
		if len(change.Address.Project) > ledger.MaxProject || len(change.Address.Path) > ledger.MaxPath {
			return nil, commit.Failed(i, fmt.Errorf("%w address: it is too long", myvault.ErrInvalid))
		}
		info, err := tx.one(change, tx.row(i, change))
		if err != nil {
			return nil, commit.Failed(i, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (tx *transaction) one(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	switch c.Op {
	case myvault.OpPut:
		return tx.put(c, r)
	case myvault.OpDelete:
		return tx.delete(c, r)
	case myvault.OpUndelete:
		return tx.undelete(c, r)
	case myvault.OpDestroy:
		return tx.destroy(c, r)
	case myvault.OpPutProject:
		return projectInfo(r), tx.putProject(c, r)
	case myvault.OpDefaultProject:
		return projectInfo(r), tx.defaultProject(c.Project.Name, r)
	case myvault.OpDeleteProject:
		return projectInfo(r), tx.deleteProject(c.Project.Name, r)
	}
	return myvault.Info{}, fmt.Errorf("%w change: there is no %v", myvault.ErrInvalid, c.Op)
}

// row starts the log row of a change from its entry or, without one, from the commit. It is
// valid until the next call.
func (tx *transaction) row(i int, c myvault.Change) *ledger.LogRow {
	e := myvault.Entry{Service: tx.commit.By, Action: c.Op.String(), At: tx.commit.At}
	if len(tx.commit.Entries) != 0 {
		e = tx.commit.Entries[i]
	}
	e.Address = c.Address
	if c.Op >= myvault.OpPutProject {
		e.Address = myvault.Address{Project: c.Project.Name}
	}
	e.Seen = max(tx.knownEntry(), tx.trail.Syncer.Synced.Load())
	tx.logRow = ledger.LogRow{Entry: ledger.Normalize(e, myvault.ChainChanges), Op: c.Op, At: tx.commit.At, Author: tx.commit.By}
	return &tx.logRow
}

// projectInfo returns the Info that Apply returns for a change of a project.
func projectInfo(r *ledger.LogRow) myvault.Info {
	return myvault.Info{Address: myvault.Address{Project: r.Entry.Address.Project}}
}

// write appends the row, whose version is that of h, and moves the head to it.
func (tx *transaction) write(r *ledger.LogRow, h ledger.Head) error {
	r.Prev = h.Seq
	if err := tx.append(tx.c, r); err != nil {
		return err
	}
	h.Seq = r.Entry.Seq
	if r.Op == myvault.OpPut {
		h.ValueSeq = h.Seq
	}
	if err := ledger.WriteHead(tx.file.Keys, tx.c, h, r.Prev == 0); err != nil {
		return err
	}
	tx.known.put(h)
	return nil
}

func (tx *transaction) put(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	if err := c.Value.Validate(); err != nil {
		return myvault.Info{}, err
	}
	h, err := tx.head(c.Address)
	if err == nil {
		err = c.If.Check(h.Info)
	}
	if err == nil {
		err = tx.ensureProject(c.Address.Project)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	h.Info = myvault.Info{
		Address: c.Address, Version: h.Version + 1, State: myvault.Live, At: r.At, By: r.Author,
		Expires: ledger.StoredOptional(c.Expires), RotateAfter: ledger.StoredOptional(c.RotateAfter),
	}
	r.Entry.Version, r.Expires, r.RotateAfter = h.Version, h.Expires, h.RotateAfter
	value := c.Value.RevealBytes()
	r.Seal(tx.end.Sealer.Seal(nil, keyring.RecordID(c.Address, h.Version), value))
	clear(value)
	return h.Info, tx.write(r, h)
}

func (tx *transaction) delete(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	h, err := tx.head(c.Address)
	if err != nil {
		return myvault.Info{}, err
	}
	if err := c.If.Check(h.Info); err != nil {
		return myvault.Info{}, err
	}
	if h.State != myvault.Live {
		return myvault.Info{}, myvault.ErrNotFound
	}
	h.State = myvault.Deleted
	r.Entry.Version = h.Version
	return h.Info, tx.write(r, h)
}

func (tx *transaction) undelete(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	h, err := tx.head(c.Address)
	switch {
	case err != nil:
	case h.Version == 0:
		err = myvault.ErrNotFound
	case h.State == myvault.Live:
		err = myvault.ErrConflict
	case h.State == myvault.Destroyed:
		err = myvault.ErrDestroyed
	default:
		err = tx.ensureProject(c.Address.Project)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	h.State = myvault.Live
	r.Entry.Version = h.Version
	return h.Info, tx.write(r, h)
}

// destroy removes the records of the named versions, or of all if none is named. Its log row
// names them all, whether they were destroyed before or not.
func (tx *transaction) destroy(c myvault.Change, r *ledger.LogRow) (myvault.Info, error) {
	h, err := tx.head(c.Address)
	if err != nil {
		return myvault.Info{}, err
	}
	if r.Destroyed, err = spansOf(c, h.Version); err != nil {
		return myvault.Info{}, err
	}
	newest := r.Destroyed[len(r.Destroyed)-1].Last
	var info myvault.Info
	lowest := r.Destroyed[0].First
	for version, err := range tx.history(h.Seq) {
		if err != nil {
			return myvault.Info{}, err
		}
		if version.Version < lowest {
			break
		}
		if !r.Destroyed.Contains(version.Version) {
			continue
		}
		if err := tx.erase(version.Seq); err != nil {
			return myvault.Info{}, err
		}
		if version.Version == newest {
			info = version.Info
		}
	}
	if info.Version != newest {
		return myvault.Info{}, fault.Tampered("version %d is missing in the history that ends at log sequence %d", newest, h.Seq)
	}
	if newest == h.Version {
		h.State = myvault.Destroyed
	}
	info.State = myvault.Destroyed
	r.Entry.Version = newest
	return info, tx.write(r, h)
}

// erase removes the record of a log row, and its later encryption.
func (tx *transaction) erase(seq uint64) error {
	if err := tx.c.Run(`UPDATE log SET sealed = NULL WHERE seq = ?1`, seq); err != nil {
		return err
	}
	return tx.c.Run(`DELETE FROM reseal WHERE seq = ?1`, seq)
}

// spansOf returns the named versions in ascending order, or all up to current if none is named.
func spansOf(c myvault.Change, current myvault.Version) (ledger.Ranges, error) {
	if current == 0 {
		return nil, myvault.ErrNotFound
	}
	if len(c.Versions) > 0 && (slices.Min(c.Versions) == 0 || slices.Max(c.Versions) > current) {
		return nil, myvault.ErrNotFound
	}
	return c.Destroys(current), nil
}
