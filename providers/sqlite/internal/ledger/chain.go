// Package ledger encodes, authenticates and reads the rows of vault.db: the log of changes, the
// heads and the registered projects. The encoding of entries, their MACs and the merged reading of
// chains are also used for the chain of accesses. It knows keys and SQL, but no transactions, no
// cache, and not when a row is written.
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

// Link identifies an entry of a chain: its sequence and its MAC, which the next entry covers.
type Link struct {
	Seq uint64
	MAC []byte
}

// CheckEntry checks the MAC of e, an entry of the chain of accesses that follows e.Prev.
func CheckEntry(k *keyring.Ring, e *myvault.Entry) error {
	if !k.Chain.Verify(e.Prev, encode.Bytes(Canonical(k.Vault, e)), e.MAC) {
		return &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "its MAC does not match"}
	}
	return nil
}

// ChainEnd is the end of the log and the current data key.
type ChainEnd struct {
	Seq    uint64
	MAC    []byte
	Epoch  uint32
	First  uint64 // the first log row of the epoch
	Sealer *crypto.Sealer
	Seen   uint64 // the newest access entry that the last row has recorded
}

// Read sets t to the state in the file. It leaves Sealer nil.
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

// ChangesHead returns the newest link of the chain of changes.
func ChangesHead(c *db.Conn) (myvault.Head, error) {
	h := myvault.Head{Chain: myvault.ChainChanges, MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, coalesce(entry_at, at), mac FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		h.Seq, h.At, h.MAC = uint64(row.ColumnInt64(0)), db.TimeAt(row, 1), row.ColumnBlob(2, nil)
		return nil
	})
	return h, err
}

// ReadChainHead runs headOf, such as ChangesHead, on a connection of read.
func ReadChainHead(ctx context.Context, read ReadFunc, headOf func(*db.Conn) (myvault.Head, error)) (h myvault.Head, err error) {
	err = read(ctx, func(c *db.Conn) error {
		h, err = headOf(c)
		return err
	})
	return h, err
}

// maxChanged limits the changes that a cache applies one by one. After more it drops all rows.
const maxChanged = 4096

// ChangedSince returns the addresses in the log rows after position, and the last position. known
// is false if there are more than maxChanged, or if the log has no row at position.
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

// LastChange returns the sequence of the last log row, or 0.
func LastChange(c *db.Conn) (seq uint64, err error) {
	err = c.Each(`SELECT seq FROM log ORDER BY seq DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
		seq = uint64(row.ColumnInt64(0))
		return nil
	})
	return seq, err
}

// Claim says that entry Seq of one chain was written when the other chain had entry Seen.
type Claim struct{ Seq, Seen uint64 }

// Observe sets k to the claim of e if e has seen a newer entry.
func (k *Claim) Observe(e *myvault.Entry) {
	if e.Seen > k.Seen {
		*k = Claim{e.Seq, e.Seen}
	}
}

// ReadFunc calls a function with a connection for reading.
type ReadFunc func(context.Context, func(*db.Conn) error) error

// Follow checks that e is the access entry after l, and returns its link. It sets e.Prev.
func (l Link) Follow(e *myvault.Entry, k *keyring.Ring) (Link, error) {
	if e.Seq != l.Seq+1 {
		return l, &fault.BadEntry{Chain: myvault.ChainAccess, Seq: l.Seq + 1, Reason: "it is missing"}
	}
	e.Prev = l.MAC
	return Link{e.Seq, e.MAC}, CheckEntry(k, e)
}
