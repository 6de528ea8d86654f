package sqlite

import (
	"context"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
)

// link is the newest entry of the chain.
type link struct {
	seq uint64
	mac []byte
}

// holds proves that the entry of an access chain is what the chain has.
func checkEntry(k *keyring.Ring, e *myvault.Entry) error {
	if !k.Chain.Holds(e.Prev, encode.Bytes(canonical(k.Vault, e)), e.MAC) {
		return &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "its MAC does not fit"}
	}
	return nil
}

// tip is the end of the log, and the data key in force.
type tip struct {
	seq    uint64
	mac    []byte
	epoch  uint32
	first  uint64 // the log row with which the epoch began
	sealer *crypto.Sealer
	seen   uint64 // the newest access entry that the last row knows of
}

// read reads the tip as it is in the file now.
func (t *tip) read(c *db.Conn) error {
	*t = tip{mac: crypto.Genesis()}
	err := c.Each(`SELECT seq, mac, coalesce(seen, 0) FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		t.seq, t.mac, t.seen = uint64(row.ColumnInt64(0)), row.ColumnBlob(1, nil), uint64(row.ColumnInt64(2))
		return nil
	})
	if err != nil {
		return err
	}
	return c.Each(`SELECT epoch, first FROM epoch ORDER BY epoch DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		t.epoch, t.first = uint32(row.ColumnInt64(0)), uint64(row.ColumnInt64(1))
		return nil
	})
}

func changesHead(c *db.Conn) (myvault.Head, error) {
	h := myvault.Head{Chain: myvault.ChainChanges, MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, coalesce(entry_at, at), mac FROM log ORDER BY seq DESC LIMIT 1`, newest(&h))
	return h, err
}

// newest reads sequence, time and MAC of the newest link.
func newest(h *myvault.Head) func(row *sqlite3.Stmt) error {
	return func(row *sqlite3.Stmt) error {
		h.Seq, h.At, h.MAC = uint64(row.ColumnInt64(0)), db.TimeAt(row, 1), row.ColumnBlob(2, nil)
		return nil
	}
}

// head gives the newest link of a chain.
func readChainHead(ctx context.Context, read reading, of func(*db.Conn) (myvault.Head, error)) (h myvault.Head, err error) {
	err = read(ctx, func(c *db.Conn) error {
		h, err = of(c)
		return err
	})
	return h, err
}

// maxChanged is how many changes are applied to the cache one by one; more drop all rows.
const maxChanged = 4096

// changedSince gives the addresses that the log rows behind position name, and the last
// position. known is false where they are too many, or the log is not the one it was.
func changedSince(c *db.Conn, position uint64) (changed []myvault.Address, last uint64, known bool, err error) {
	n := 0
	err = c.Each(`SELECT seq, project, path FROM log WHERE seq >= ?1 ORDER BY seq LIMIT ?2`, func(row *sqlite3.Stmt) error {
		n++
		last = uint64(row.ColumnInt64(0))
		switch {
		case n == 1:
			known = last == position
		case known:
			changed = append(changed, myvault.Address{Project: row.ColumnText(1), Path: row.ColumnText(2)})
		}
		return nil
	}, position, maxChanged+2)
	return changed, last, known && n < maxChanged+2, err
}

func lastChange(c *db.Conn) (seq uint64, err error) {
	err = c.Each(`SELECT seq FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		seq = uint64(row.ColumnInt64(0))
		return nil
	})
	return seq, err
}

// claim is the entry of a chain that knows the newest one of the other chain.
type claim struct{ seq, seen uint64 }

func (k *claim) note(e *myvault.Entry) {
	if e.Seen > k.seen {
		*k = claim{e.Seq, e.Seen}
	}
}

// reading runs a function on a connection for reading.
type reading func(context.Context, func(*db.Conn) error) error

// followed gives the link after l, if e is that one.
func (l link) followed(e *myvault.Entry, k *keyring.Ring) (link, error) {
	if e.Seq != l.seq+1 {
		return l, &fault.BadEntry{Chain: myvault.ChainAccess, Seq: l.seq + 1, Reason: "it is missing"}
	}
	e.Prev = l.mac
	return link{e.Seq, e.MAC}, checkEntry(k, e)
}
