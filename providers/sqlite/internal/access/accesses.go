package access

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// errStop ends the reading of rows.
var errStop = errors.New("enough was read")

// insert writes the row.
func (p *Batch) insert(c *db.Conn) error {
	return c.Write(`INSERT INTO batch(seq, body) VALUES(?1, ?2)`, func(b *db.Binder) {
		b.Int(int64(p.first))
		b.Blob(p.Encode())
	})
}

// batchRow is a row of the table batch that was read.
type batchRow struct {
	key     int64
	entries []myvault.Entry
}

// scanBatch reads a row of seq and body. Where the error is of the body, the row has the
// entries before.
func scanBatch(row *sqlite3.Stmt) (r batchRow, err error) {
	r.key = row.ColumnInt64(0)
	r.entries, err = UnpackEntries(row.ColumnBlob(1, nil), uint64(r.key))
	return r, err
}

// batch gives the one row that a query selects; found: there is one.
func readBatch(c *db.Conn, sql string, args ...any) (r batchRow, found bool, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) (err error) {
		found = true
		r, err = scanBatch(row)
		return err
	}, args...)
	return r, found, err
}

// Source reads the chain of accesses.
func (t *Trail) Source() ledger.Source {
	return ledger.Source{Chain: myvault.ChainAccess, Read: func(ctx context.Context, before uint64, r myvault.TrailFilter) ([]myvault.Entry, uint64, error) {
		p := batchPage{keys: t.File.Keys, selected: r, before: before, next: before}
		err := t.File.Readers.Read(ctx, p.read)
		if p.rows == 0 {
			p.next = 0
		}
		return p.entries, p.next, err
	}}
}

// batchPage reads entries from batches, the newest first.
type batchPage struct {
	keys     *keyring.Ring
	selected myvault.TrailFilter
	before   uint64 // the entries begin below it
	rows     int
	entries  []myvault.Entry
	next     uint64 // the next page begins below it
}

// read reads rows until they have given a page of entries, or are a page by themselves.
func (p *batchPage) read(c *db.Conn) error {
	err := c.Each(`SELECT seq, body FROM batch WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2`, func(row *sqlite3.Stmt) error {
		r, err := scanBatch(row)
		if err != nil {
			return err
		}
		return p.add(c, r)
	}, p.before, ledger.PageRows)
	if errors.Is(err, errStop) {
		err = nil
	}
	return err
}

// add takes what is selected of a row, once each entry is proved, by the MAC of the one before it: an entry that
// was altered so that it is not selected is not passed over.
func (p *batchPage) add(c *db.Conn, r batchRow) error {
	first, last := uint64(r.key), r.entries[len(r.entries)-1].Seq
	// The engine believes the order of the rows; walking one that was changed may never end.
	if first >= p.next || p.rows > 0 && last >= p.next {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: first, Reason: "it does not stand where its sequence says"}
	}
	p.rows++
	p.next = first
	for _, e := range slices.Backward(r.entries) {
		if e.Seq >= p.before {
			continue
		}
		if e.Seq == first {
			var err error
			if e.Prev, err = linkBefore(c, first); err != nil {
				return err
			}
		}
		if err := ledger.CheckEntry(p.keys, &e); err != nil {
			return err
		}
		if !p.selected.Contains(e) {
			continue
		}
		e.Prev, e.MAC = bytes.Clone(e.Prev), bytes.Clone(e.MAC)
		p.entries = append(p.entries, e)
	}
	if len(p.entries) >= ledger.PageRows {
		return errStop
	}
	return nil
}

// linkBefore gives the MAC of the entry before the first one of a batch; nil where there is none.
func linkBefore(c *db.Conn, seq uint64) ([]byte, error) {
	if seq == 1 {
		return crypto.Genesis(), nil
	}
	mac, err := c.Blob(`SELECT substr(body, -32) FROM batch WHERE seq < ?1 ORDER BY seq DESC LIMIT 1`, seq)
	if err != nil || mac != nil {
		return mac, err
	}
	return prunedLink(c, seq-1)
}

// prunedLink returns the MAC of the last entry that was pruned, if it is the one of that sequence.
func prunedLink(c *db.Conn, seq uint64) ([]byte, error) {
	return c.Blob(`SELECT link FROM pruned WHERE seq = ?1`, seq)
}

// LinkAt gives the MAC of an entry of the chain; nil where the chain does not have it.
func LinkAt(c *db.Conn, seq uint64) ([]byte, error) {
	r, found, err := readBatch(c, `SELECT seq, body FROM batch WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1`, seq)
	if err != nil {
		return nil, err
	}
	if n := seq - uint64(r.key); found && n < uint64(len(r.entries)) {
		return r.entries[n].MAC, nil
	}
	return prunedLink(c, seq)
}

// ReadHead gives the newest link of the chain.
func ReadHead(c *db.Conn) (myvault.Head, error) {
	h := myvault.Head{Chain: myvault.ChainAccess, MAC: crypto.Genesis()}
	r, found, err := readBatch(c, `SELECT seq, body FROM batch ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return h, err
	}
	if found {
		e := r.entries[len(r.entries)-1]
		h.Seq, h.At, h.MAC = e.Seq, e.At, bytes.Clone(e.MAC)
	}
	return h, nil
}

// lastAccess gives the link behind which the chain goes on.
func lastAccess(c *db.Conn) (ledger.Link, error) {
	h, err := ReadHead(c)
	return ledger.Link{Seq: h.Seq, MAC: h.MAC}, err
}

// Walk goes along the chain from its oldest entry to its newest, in steps.
type Walk struct {
	End ledger.Link // the last entry that was proved
	row int64       // the key of the row of batch it stands in, or below which none is left
	in  bool        // it stands in one
}

// SkipPruned has the walk go on behind what was pruned meanwhile. The batch that the last pruned entry
// stood in has got a new key.
func (w *Walk) SkipPruned(pruned ledger.Link) {
	if int64(pruned.Seq) >= w.row {
		w.row = int64(pruned.Seq)
		if w.in && pruned.Seq < w.End.Seq {
			w.row++
		}
	}
	if pruned.Seq > w.End.Seq {
		w.End = pruned
	}
}

// Step calls entry for some entries behind the end, which it may move on, and reports whether
// there were any. errStop of entry ends it.
func (w *Walk) Step(c *db.Conn, entry func(e *myvault.Entry) error) (more bool, err error) {
	rows := 0
	err = c.Each(`SELECT seq, body FROM batch WHERE seq > ?1 ORDER BY seq LIMIT ?2`, func(row *sqlite3.Stmt) error {
		rows++
		return w.batch(row, entry)
	}, w.row, ledger.PageRows)
	if errors.Is(err, errStop) {
		err = nil
	}
	return rows > 0, err
}

// batch calls entry for the entries of a row, as far as it can be read.
func (w *Walk) batch(row *sqlite3.Stmt, entry func(e *myvault.Entry) error) error {
	r, bad := scanBatch(row)
	w.row, w.in = r.key, true
	for i := range r.entries {
		if err := entry(&r.entries[i]); err != nil {
			return err
		}
	}
	return bad
}

// lastClaim returns the last entry, and the newest change that those committed with it have seen.
func lastClaim(c *db.Conn) (last ledger.Claim, err error) {
	r, _, err := readBatch(c, `SELECT seq, body FROM batch ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return last, err
	}
	for i := range r.entries {
		last = ledger.Claim{Seq: r.entries[i].Seq, Seen: max(last.Seen, r.entries[i].Seen)}
	}
	return last, nil
}
