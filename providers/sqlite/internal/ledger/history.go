package ledger

import (
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
)

// History walks the log rows of one address from the newest to the oldest and derives the state of
// each version. It keeps no connection between steps.
type History struct {
	Address   myvault.Address // if zero, Step sets it to that of the first row
	Next      uint64          // the row that Step reads, or 0 at the end
	destroyed Ranges
	deleted   map[myvault.Version]bool // by newer rows: true if deleted, false if undeleted
}

// VersionRow is a version of an address, with the log row that created it.
type VersionRow struct {
	myvault.Info
	Seq       uint64
	HasRecord bool
}

// Step reads one row. found is true if that row created the version v.
func (p *History) Step(c *db.Conn, k *keyring.Ring) (v VersionRow, found bool, err error) {
	r, err := ReadLogRow(k, c, p.Next)
	if err != nil {
		return v, false, err
	}
	e := &r.Entry
	if p.Address == (myvault.Address{}) {
		p.Address = e.Address
	}
	if e.Address != p.Address || r.Prev >= e.Seq {
		return v, false, &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "it does not belong to the history that refers to it"}
	}
	p.Next = r.Prev
	switch r.Op {
	case myvault.OpDelete, myvault.OpUndelete:
		if _, known := p.deleted[e.Version]; !known {
			if p.deleted == nil {
				p.deleted = map[myvault.Version]bool{}
			}
			p.deleted[e.Version] = r.Op == myvault.OpDelete
		}
	case myvault.OpDestroy:
		p.destroyed = append(p.destroyed, r.Destroyed...)
	case myvault.OpPut:
		v = VersionRow{
			Info: myvault.Info{
				Address: e.Address, Version: e.Version, State: p.state(e.Version), At: r.At, By: r.Author,
				Expires: r.Expires, RotateAfter: r.RotateAfter,
			},
			Seq: e.Seq, HasRecord: r.HasRecord,
		}
		delete(p.deleted, e.Version) // no older row is about this version
		return v, true, nil
	}
	return v, false, nil
}

func (p *History) state(v myvault.Version) myvault.State {
	switch {
	case p.destroyed.Contains(v):
		return myvault.Destroyed
	case p.deleted[v]:
		return myvault.Deleted
	}
	return myvault.Live
}

// ReadLogRow reads a row of the log and checks its MAC.
func ReadLogRow(k *keyring.Ring, c *db.Conn, seq uint64) (r LogRow, err error) {
	err = c.Each(`SELECT `+LogColumns+` FROM log l WHERE l.seq = ?1`, func(row *sqlite3.Stmt) error {
		r = ScanLog(row)
		return r.CheckMAC(k)
	}, seq)
	if err == nil && r.Entry.Seq == 0 {
		err = &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: "it is missing"}
	}
	return r, err
}
