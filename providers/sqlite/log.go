package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// logRow is a row of the log: a change together with its entry in the trail.
type logRow struct {
	entry       myvault.Entry
	op          myvault.Op
	at          time.Time // of the commit, which is that of the version a put makes
	author      string
	prev        uint64 // the row before it of the same address, or 0
	description string
	expires     time.Time
	rotateAfter time.Time
	destroyed   spans
	digest      []byte // SHA-256 of the record, of a put
	sealed      []byte // the record; nil where it was destroyed, or was not read
	hasRecord   bool
}

// spans are the versions that a destroy names.
type spans []myvault.VersionRange

func (s spans) contain(v myvault.Version) bool {
	for _, span := range s {
		if span.First <= v && v <= span.Last {
			return true
		}
	}
	return false
}

// encode gives 16 bytes a span, big-endian; nil for none.
func (s spans) encode() (b []byte) {
	for _, span := range s {
		b = binary.BigEndian.AppendUint64(b, uint64(span.First))
		b = binary.BigEndian.AppendUint64(b, uint64(span.Last))
	}
	return b
}

// decodeSpans reads what encode gives. For bytes that are left over it adds a span that no
// row has; then the MAC fails.
func decodeSpans(b []byte) (s spans) {
	for ; len(b) >= 16; b = b[16:] {
		s = append(s, myvault.VersionRange{
			First: myvault.Version(binary.BigEndian.Uint64(b)), Last: myvault.Version(binary.BigEndian.Uint64(b[8:])),
		})
	}
	if len(b) != 0 {
		s = append(s, myvault.VersionRange{})
	}
	return s
}

// canonical encodes what the MAC of the row covers. The record enters by its digest, so
// that destroying it leaves the chain whole.
func (r *logRow) canonical(vault []byte) []byte {
	b := canonical(vault, &r.entry)
	b.AddUint8(uint8(r.op))
	encode.Time(b, r.at)
	encode.Text(b, r.author)
	b.AddUint64(r.prev)
	encode.Text(b, r.description)
	encode.Optional(b, r.expires)
	encode.Optional(b, r.rotateAfter)
	b.AddUint32(uint32(len(r.destroyed)))
	b.AddBytes(r.destroyed.encode())
	encode.Short(b, r.digest)
	return encode.Bytes(b)
}

// seal puts the record and its digest into the row.
func (r *logRow) seal(record []byte) {
	digest := sha256.Sum256(record)
	r.sealed, r.digest = record, digest[:]
}

const insertLog = `INSERT INTO log(seq, at, op, project, path, version, prev, author, description, expires,
	rotate_after, destroyed, service, via, request, remote, action, outcome, count, first, last, entry_at, seen,
	digest, mac, sealed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
	?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)`

// insert writes the row. What is equal to its usual value is stored as NULL, which takes
// one byte.
func (r *logRow) insert(c *db.Conn) error {
	e := &r.entry
	return c.Write(insertLog, func(b *db.Binder) {
		b.Int(int64(e.Seq))
		b.Time(r.at)
		b.Int(int64(r.op))
		b.Text(e.Address.Project)
		b.Text(e.Address.Path)
		b.Int(int64(e.Version))
		b.Int(int64(r.prev))
		b.Text(r.author)
		b.TextUnless(r.description, "")
		b.Optional(r.expires)
		b.Optional(r.rotateAfter)
		b.Blob(r.destroyed.encode())
		b.TextUnless(e.Service, r.author)
		b.TextUnless(e.Via, "")
		b.TextUnless(e.Request, "")
		b.TextUnless(e.Remote, "")
		b.TextUnless(e.Action, r.op.String())
		b.TextUnless(string(e.Outcome), string(myvault.OutcomeOK))
		b.IntUnless(int64(e.Count), 1)
		b.IntUnless(e.First.UnixMicro(), e.At.UnixMicro())
		b.IntUnless(e.Last.UnixMicro(), e.At.UnixMicro())
		b.IntUnless(e.At.UnixMicro(), r.at.UnixMicro())
		b.IntUnless(int64(e.Seen), 0)
		b.Blob(r.digest)
		b.Blob(e.MAC)
		b.Blob(r.sealed)
	})
}

// logColumns select a row as scanLog reads it. The record stands last in the table, so
// that leaving it out saves reading its pages; typeof needs only the row's header.
const logColumns = `l.seq, l.at, l.op, l.project, l.path, l.version, l.prev, l.author, l.description, l.expires,
	l.rotate_after, l.destroyed, l.service, l.via, l.request, l.remote, l.action, l.outcome, l.count, l.first, l.last,
	l.entry_at, l.seen, l.digest, l.mac, (SELECT p.mac FROM log p WHERE p.seq = l.seq - 1), typeof(l.sealed)`

// scanLog reads a row of logColumns. What it gives is its own.
func scanLog(row *sqlite3.Stmt) logRow {
	r := logRow{
		op:          myvault.Op(db.SmallAt(row, 2)),
		at:          db.TimeAt(row, 1),
		author:      row.ColumnText(7),
		prev:        uint64(row.ColumnInt64(6)),
		description: row.ColumnText(8),
		expires:     db.OptionalAt(row, 9),
		rotateAfter: db.OptionalAt(row, 10),
		destroyed:   decodeSpans(row.ColumnRawBlob(11)),
		digest:      row.ColumnBlob(23, nil),
		hasRecord:   row.ColumnText(26) == "blob",
	}
	e := &r.entry
	e.Chain = myvault.ChainChanges
	e.Seq = uint64(row.ColumnInt64(0))
	e.Address = myvault.Address{Project: row.ColumnText(3), Path: row.ColumnText(4)}
	e.Version = myvault.Version(row.ColumnInt64(5))
	e.Service = db.TextOr(row, 12, r.author)
	e.Via, e.Request, e.Remote = row.ColumnText(13), row.ColumnText(14), row.ColumnText(15)
	e.Action = db.TextOr(row, 16, r.op.String())
	e.Outcome = myvault.Outcome(db.TextOr(row, 17, string(myvault.OutcomeOK)))
	e.Count = uint64(db.NumberOr(row, 18, 1))
	e.At = time.UnixMicro(db.NumberOr(row, 21, r.at.UnixMicro())).UTC()
	e.First = time.UnixMicro(db.NumberOr(row, 19, e.At.UnixMicro())).UTC()
	e.Last = time.UnixMicro(db.NumberOr(row, 20, e.At.UnixMicro())).UTC()
	e.Seen = uint64(row.ColumnInt64(22))
	e.Destroyed = r.destroyed
	e.MAC, e.Prev = row.ColumnBlob(24, nil), row.ColumnBlob(25, nil)
	if e.Seq == 1 {
		e.Prev = crypto.Genesis()
	}
	return r
}

// holds proves that the row is what the chain has.
func (r *logRow) holds(k *keyring.Ring) error {
	if !k.Chain.Holds(r.entry.Prev, r.canonical(k.Vault), r.entry.MAC) {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: r.entry.Seq, Reason: "its MAC does not fit"}
	}
	return nil
}
