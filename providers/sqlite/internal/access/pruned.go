package access

import (
	"cmp"
	"time"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// pruneEntries removes the entries up to last and stores its link in the table pruned. The caller
// has checked last, in the batch with key row.
func pruneEntries(k *keyring.Ring, c *db.Conn, last myvault.Entry, row int64) error {
	if err := splitBatch(c, last.Seq, row); err != nil {
		return err
	}
	for _, sql := range []string{`DELETE FROM batch WHERE seq <= ?1`, `DELETE FROM pruned WHERE seq < ?1`} {
		if err := c.Run(sql, last.Seq); err != nil {
			return err
		}
	}
	return c.Run(`INSERT INTO pruned(seq, link, at, mac) VALUES(?1, ?2, ?3, ?4)`,
		last.Seq, last.MAC, last.At.UnixMicro(), k.RowMAC.Sum(prunedRow(k, last.Seq, last.MAC, last.At)))
}

// splitBatch copies the entries after last into a new batch, if the batch with key row has any. It
// returns an error if another batch begins between row and last: its entries were not checked.
func splitBatch(c *db.Conn, last uint64, row int64) error {
	r, found, err := readBatch(c, `SELECT seq, body FROM batch WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1`, last)
	if err != nil || !found {
		return err
	}
	if r.key != row {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: uint64(r.key), Reason: "it is out of order"}
	}
	var rest Batch
	for i := range r.entries {
		if e := &r.entries[i]; e.Seq > last {
			rest.Add(e, e.MAC)
		}
	}
	if rest.N == 0 {
		return nil
	}
	if n, err := c.Integer(`SELECT count(*) FROM batch WHERE seq = ?1`, rest.first); err != nil || n != 0 {
		return cmp.Or(err, error(&fault.BadEntry{Chain: myvault.ChainAccess, Seq: rest.first, Reason: "it is in two rows"}))
	}
	return rest.insert(c)
}

// ReadPruned returns the link of the last pruned entry, after which the chain begins.
func ReadPruned(k *keyring.Ring, c *db.Conn) (ledger.Link, error) {
	begin := ledger.Link{MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, link, at, mac FROM pruned`, func(row *sqlite3.Stmt) error {
		found := ledger.Link{Seq: uint64(row.ColumnInt64(0)), MAC: row.ColumnBlob(1, nil)}
		if begin.Seq != 0 || !k.RowMAC.Verify(prunedRow(k, found.Seq, found.MAC, db.TimeAt(row, 2)), row.ColumnRawBlob(3)) {
			return fault.Tampered("a row of the table pruned")
		}
		begin = found
		return nil
	})
	return begin, err
}

// prunedUpTo returns the sequence of the last pruned entry, without checking its row MAC.
func prunedUpTo(c *db.Conn) (uint64, error) {
	seq, err := c.Integer(`SELECT max(seq) FROM pruned`)
	return uint64(seq), err
}

// prunedRow encodes the fields that the row MAC of a row of the table pruned covers.
func prunedRow(k *keyring.Ring, seq uint64, mac []byte, at time.Time) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 128))
	encode.Str8(b, []byte("pruned"))
	encode.Str8(b, k.Vault)
	b.AddUint64(seq)
	encode.Str8(b, mac)
	encode.Time(b, at)
	return encode.Bytes(b)
}
