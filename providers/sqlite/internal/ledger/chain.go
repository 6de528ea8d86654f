// Package ledger has the two chains and the rows that agree with them: how they are encoded, authenticated,
// read and walked.
package ledger

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

// Link is the newest entry of the chain.
type Link struct {
	Seq uint64
	MAC []byte
}

// holds proves that the entry of an access chain is what the chain has.
func CheckEntry(k *keyring.Ring, e *myvault.Entry) error {
	if !k.Chain.Holds(e.Prev, encode.Bytes(Canonical(k.Vault, e)), e.MAC) {
		return &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "its MAC does not fit"}
	}
	return nil
}

// ChainEnd is the end of the log, and the data key in force.
type ChainEnd struct {
	Seq    uint64
	MAC    []byte
	Epoch  uint32
	First  uint64 // the log row with which the epoch began
	Sealer *crypto.Sealer
	Seen   uint64 // the newest access entry that the last row knows of
}

// Read reads the end of the log as it is in the file now.
func (t *ChainEnd) Read(c *db.Conn) error {
	*t = ChainEnd{MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, mac, coalesce(seen, 0) FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		t.Seq, t.MAC, t.Seen = uint64(row.ColumnInt64(0)), row.ColumnBlob(1, nil), uint64(row.ColumnInt64(2))
		return nil
	})
	if err != nil {
		return err
	}
	return c.Each(`SELECT epoch, first FROM epoch ORDER BY epoch DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		t.Epoch, t.First = uint32(row.ColumnInt64(0)), uint64(row.ColumnInt64(1))
		return nil
	})
}

func ChangesHead(c *db.Conn) (myvault.Head, error) {
	h := myvault.Head{Chain: myvault.ChainChanges, MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, coalesce(entry_at, at), mac FROM log ORDER BY seq DESC LIMIT 1`, scanChainHead(&h))
	return h, err
}

// scanChainHead reads sequence, time and MAC of the newest link.
func scanChainHead(h *myvault.Head) func(row *sqlite3.Stmt) error {
	return func(row *sqlite3.Stmt) error {
		h.Seq, h.At, h.MAC = uint64(row.ColumnInt64(0)), db.TimeAt(row, 1), row.ColumnBlob(2, nil)
		return nil
	}
}

// head gives the newest link of a chain.
func ReadChainHead(ctx context.Context, read ReadFunc, of func(*db.Conn) (myvault.Head, error)) (h myvault.Head, err error) {
	err = read(ctx, func(c *db.Conn) error {
		h, err = of(c)
		return err
	})
	return h, err
}

// maxChanged is how many changes are applied to the cache one by one; more drop all rows.
const maxChanged = 4096

// ChangedSince gives the addresses that the log rows behind position name, and the last
// position. known is false where they are too many, or the log is not the one it was.
func ChangedSince(c *db.Conn, position uint64) (changed []myvault.Address, last uint64, known bool, err error) {
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

func LastChange(c *db.Conn) (seq uint64, err error) {
	err = c.Each(`SELECT seq FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		seq = uint64(row.ColumnInt64(0))
		return nil
	})
	return seq, err
}

// Claim is the entry of a chain that knows the newest one of the other chain.
type Claim struct{ Seq, Seen uint64 }

func (k *Claim) Observe(e *myvault.Entry) {
	if e.Seen > k.Seen {
		*k = Claim{e.Seq, e.Seen}
	}
}

// ReadFunc runs a function on a connection for reading.
type ReadFunc func(context.Context, func(*db.Conn) error) error

// Follow gives the link after l, if e is that one.
func (l Link) Follow(e *myvault.Entry, k *keyring.Ring) (Link, error) {
	if e.Seq != l.Seq+1 {
		return l, &fault.BadEntry{Chain: myvault.ChainAccess, Seq: l.Seq + 1, Reason: "it is missing"}
	}
	e.Prev = l.MAC
	return Link{e.Seq, e.MAC}, CheckEntry(k, e)
}
