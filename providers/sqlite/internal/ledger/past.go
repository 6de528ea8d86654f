package ledger

import (
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
)

// History walks the log rows of one address, from the newest to the oldest, and gives what
// became of each version. It holds nothing between two steps.
type History struct {
	Address   myvault.Address
	Next      uint64 // the row to read, or 0
	destroyed Ranges
	marked    map[myvault.Version]bool // what newer rows say: deleted, or not any more
}

// VersionRow is a version of an address, with the log row that made it.
type VersionRow struct {
	myvault.Info
	Seq       uint64
	HasRecord bool
}

// Step reads one row. It gives a version where the row made one.
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
		return v, false, &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "it is not of the address whose history leads to it"}
	}
	p.Next = r.Prev
	switch r.Op {
	case myvault.OpDelete, myvault.OpUndelete:
		if _, known := p.marked[e.Version]; !known {
			if p.marked == nil {
				p.marked = map[myvault.Version]bool{}
			}
			p.marked[e.Version] = r.Op == myvault.OpDelete
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
		delete(p.marked, e.Version) // no older row marks it
		return v, true, nil
	}
	return v, false, nil
}

func (p *History) state(v myvault.Version) myvault.State {
	switch {
	case p.destroyed.Contains(v):
		return myvault.Destroyed
	case p.marked[v]:
		return myvault.Deleted
	}
	return myvault.Live
}

// logRow reads a row of the log and proves its link in the chain.
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

// PageRows is how many rows an iterator reads at a time.
const PageRows = 256
