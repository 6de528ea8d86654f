package sqlite

import (
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
)

// past walks the log rows of one address, from the newest to the oldest, and gives what
// became of each version. It holds nothing between two steps.
type past struct {
	addr      myvault.Address
	next      uint64 // the row to read, or 0
	destroyed spans
	marked    map[myvault.Version]bool // what newer rows say: deleted, or not any more
}

// version is a version of an address, with the log row that made it.
type version struct {
	myvault.Info
	seq       uint64
	hasRecord bool
}

// step reads one row. It gives a version where the row made one.
func (p *past) step(c *db.Conn, k *keyring.Ring) (v version, found bool, err error) {
	r, err := readLogRow(k, c, p.next)
	if err != nil {
		return v, false, err
	}
	e := &r.entry
	if p.addr == (myvault.Address{}) {
		p.addr = e.Address
	}
	if e.Address != p.addr || r.prev >= e.Seq {
		return v, false, &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "it is not of the address whose history leads to it"}
	}
	p.next = r.prev
	switch r.op {
	case myvault.OpDelete, myvault.OpUndelete:
		if _, known := p.marked[e.Version]; !known {
			if p.marked == nil {
				p.marked = map[myvault.Version]bool{}
			}
			p.marked[e.Version] = r.op == myvault.OpDelete
		}
	case myvault.OpDestroy:
		p.destroyed = append(p.destroyed, r.destroyed...)
	case myvault.OpPut:
		v = version{
			Info: myvault.Info{
				Address: e.Address, Version: e.Version, State: p.state(e.Version), At: r.at, By: r.author,
				Expires: r.expires, RotateAfter: r.rotateAfter,
			},
			seq: e.Seq, hasRecord: r.hasRecord,
		}
		delete(p.marked, e.Version) // no older row marks it
		return v, true, nil
	}
	return v, false, nil
}

func (p *past) state(v myvault.Version) myvault.State {
	switch {
	case p.destroyed.contain(v):
		return myvault.Destroyed
	case p.marked[v]:
		return myvault.Deleted
	}
	return myvault.Live
}

// logRow reads a row of the log and proves its link in the chain.
func readLogRow(k *keyring.Ring, c *db.Conn, seq uint64) (r logRow, err error) {
	err = c.Each(`SELECT `+logColumns+` FROM log l WHERE l.seq = ?1`, func(row *sqlite3.Stmt) error {
		r = scanLog(row)
		return r.holds(k)
	}, seq)
	if err == nil && r.entry.Seq == 0 {
		err = &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: "it is missing"}
	}
	return r, err
}

// page is how many rows an iterator reads at a time.
const page = 256
