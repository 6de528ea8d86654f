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

// errStop is returned by callbacks to stop reading rows. Callers outside never see it.
var errStop = errors.New("stop reading rows")

// batchRow is a decoded row of the table batch.
type batchRow struct {
	key     int64
	entries []myvault.Entry
}

// scanBatch reads a row of seq and body. If the body is invalid, r has the entries that precede the
// error.
func scanBatch(row *sqlite3.Stmt) (r batchRow, err error) {
	r.key = row.ColumnInt64(0)
	r.entries, err = DecodeBatch(row.ColumnBlob(1, nil), uint64(r.key))
	return r, err
}

// readBatch returns the row that sql selects. found is false if there is none.
func readBatch(c *db.Conn, sql string, args ...any) (r batchRow, found bool, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) (err error) {
		found = true
		r, err = scanBatch(row)
		return err
	}, args...)
	return r, found, err
}

// Source returns the source of the chain of accesses.
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

// batchPage collects a page of entries from batches, the newest first.
type batchPage struct {
	keys     *keyring.Ring
	selected myvault.TrailFilter
	before   uint64 // only entries below it are returned
	rows     int
	entries  []myvault.Entry
	next     uint64 // the next page begins below it
}

// read reads at most ledger.PageRows rows, and stops earlier once it has as many entries.
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

// add adds the selected entries of a row. It checks the MAC of an entry before it decides whether
// the entry is selected, so that no altered entry escapes the check.
func (p *batchPage) add(c *db.Conn, r batchRow) error {
	first, last := uint64(r.key), r.entries[len(r.entries)-1].Seq
	// SQLite trusts the order on disk. If that was changed, reading might never end.
	if first >= p.next || p.rows > 0 && last >= p.next {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: first, Reason: "it is out of order"}
	}
	p.rows++
	p.next = first
	for _, e := range slices.Backward(r.entries) {
		if e.Seq >= p.before {
			continue
		}
		if e.Seq == first {
			var err error
			if e.Prev, err = macBefore(c, first); err != nil {
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

// macBefore returns the MAC of the entry before seq, the first one of a batch. It returns nil if
// there is no such entry.
func macBefore(c *db.Conn, seq uint64) ([]byte, error) {
	if seq == 1 {
		return crypto.Genesis(), nil
	}
	mac, err := c.Blob(`SELECT substr(body, -32) FROM batch WHERE seq < ?1 ORDER BY seq DESC LIMIT 1`, seq)
	if err != nil || mac != nil {
		return mac, err
	}
	return prunedMAC(c, seq-1)
}

// prunedMAC returns the MAC of the last pruned entry if its sequence is seq, and nil otherwise.
func prunedMAC(c *db.Conn, seq uint64) ([]byte, error) {
	return c.Blob(`SELECT link FROM pruned WHERE seq = ?1`, seq)
}

// MACAt returns the MAC of entry seq, or nil if the chain does not have it.
func MACAt(c *db.Conn, seq uint64) ([]byte, error) {
	r, found, err := readBatch(c, `SELECT seq, body FROM batch WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1`, seq)
	if err != nil {
		return nil, err
	}
	if n := seq - uint64(r.key); found && n < uint64(len(r.entries)) {
		return r.entries[n].MAC, nil
	}
	return prunedMAC(c, seq)
}

// ReadHead returns the newest link of the chain.
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

// Walk reads the chain from its oldest entry to its newest, in steps.
type Walk struct {
	End ledger.Link // the last entry checked; set by the caller
	row int64       // rows with keys up to it are read or pruned
}

// SkipPruned moves the walk past entries that were pruned since the last step.
func (w *Walk) SkipPruned(pruned ledger.Link) {
	if int64(pruned.Seq) >= w.row {
		w.row = int64(pruned.Seq)
		if pruned.Seq < w.End.Seq {
			w.row++ // splitBatch has stored the rest of a row that was read under this key
		}
	}
	if pruned.Seq > w.End.Seq {
		w.End = pruned
	}
}

// Step calls entry for the entries of the next rows and reports whether there were any rows. entry
// must set End to each entry that it has checked. If it returns errStop, Step ends without an
// error.
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

// batch calls entry for the entries of a row, up to the first that cannot be decoded.
func (w *Walk) batch(row *sqlite3.Stmt, entry func(e *myvault.Entry) error) error {
	r, bad := scanBatch(row)
	w.row = r.key
	for i := range r.entries {
		if err := entry(&r.entries[i]); err != nil {
			return err
		}
	}
	return bad
}

// lastClaim returns the claim of the last batch: its last entry, and the newest change that any of
// its entries has seen.
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
