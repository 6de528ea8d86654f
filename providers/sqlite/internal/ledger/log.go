package ledger

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

// LogRow is a row of the log: a change and its trail entry.
type LogRow struct {
	Entry       myvault.Entry
	Op          myvault.Op
	At          time.Time // of the commit, and of the version that a put creates
	Author      string
	Prev        uint64 // the previous row of the same address, or 0
	Description string
	Expires     time.Time
	RotateAfter time.Time
	Destroyed   Ranges
	Digest      []byte // SHA-256 of the record; puts only
	Sealed      []byte // the record; nil if it was destroyed or not read
	HasRecord   bool
}

// Ranges are the versions that a destroy removes.
type Ranges []myvault.VersionRange

// Contains reports whether v is in one of the ranges.
func (s Ranges) Contains(v myvault.Version) bool {
	for _, span := range s {
		if span.First <= v && v <= span.Last {
			return true
		}
	}
	return false
}

// encode returns 16 bytes for each range, big-endian. It returns nil if there are none.
func (s Ranges) encode() (b []byte) {
	for _, span := range s {
		b = binary.BigEndian.AppendUint64(b, uint64(span.First))
		b = binary.BigEndian.AppendUint64(b, uint64(span.Last))
	}
	return b
}

// decodeRanges decodes the result of Encode. If bytes are left over, it appends a range that no row
// has, so that the MAC check fails.
func decodeRanges(b []byte) (s Ranges) {
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

// Canonical encodes the fields that the MAC of the row covers. The record is represented by its
// digest, so that the chain can still be checked after the record is destroyed.
func (r *LogRow) Canonical(vault []byte) []byte {
	b := Canonical(vault, &r.Entry)
	b.AddUint8(uint8(r.Op))
	encode.Time(b, r.At)
	encode.Str16(b, r.Author)
	b.AddUint64(r.Prev)
	encode.Str16(b, r.Description)
	encode.OptionalTime(b, r.Expires)
	encode.OptionalTime(b, r.RotateAfter)
	b.AddUint32(uint32(len(r.Destroyed)))
	b.AddBytes(r.Destroyed.encode())
	encode.Str8(b, r.Digest)
	return encode.Bytes(b)
}

// Seal sets the record and its digest.
func (r *LogRow) Seal(record []byte) {
	digest := sha256.Sum256(record)
	r.Sealed, r.Digest = record, digest[:]
}

const insertLog = `INSERT INTO log(seq, at, op, project, path, version, prev, author, description, expires,
	rotate_after, destroyed, service, via, request, remote, action, outcome, count, first, last, entry_at, seen,
	digest, mac, sealed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
	?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)`

// Insert writes the row. Fields that have their default value are stored as NULL, which takes one
// byte.
func (r *LogRow) Insert(c *db.Conn) error {
	e := &r.Entry
	return c.Write(insertLog, func(b *db.Binder) {
		b.Int(int64(e.Seq))
		b.Time(r.At)
		b.Int(int64(r.Op))
		b.Text(e.Address.Project)
		b.Text(e.Address.Path)
		b.Int(int64(e.Version))
		b.Int(int64(r.Prev))
		b.Text(r.Author)
		b.TextUnless(r.Description, "")
		b.Optional(r.Expires)
		b.Optional(r.RotateAfter)
		b.Blob(r.Destroyed.encode())
		b.TextUnless(e.Service, r.Author)
		b.TextUnless(e.Via, "")
		b.TextUnless(e.Request, "")
		b.TextUnless(e.Remote, "")
		b.TextUnless(e.Action, r.Op.String())
		b.TextUnless(string(e.Outcome), string(myvault.OutcomeOK))
		b.IntUnless(int64(e.Count), 1)
		b.IntUnless(e.First.UnixMicro(), e.At.UnixMicro())
		b.IntUnless(e.Last.UnixMicro(), e.At.UnixMicro())
		b.IntUnless(e.At.UnixMicro(), r.At.UnixMicro())
		b.IntUnless(int64(e.Seen), 0)
		b.Blob(r.Digest)
		b.Blob(e.MAC)
		b.Blob(r.Sealed)
	})
}

// LogColumns are the columns that ScanLog reads. The record is the last column of the table and is
// not among them, which saves reading its pages: typeof needs only the header of the row.
const LogColumns = `l.seq, l.at, l.op, l.project, l.path, l.version, l.prev, l.author, l.description, l.expires,
	l.rotate_after, l.destroyed, l.service, l.via, l.request, l.remote, l.action, l.outcome, l.count, l.first, l.last,
	l.entry_at, l.seen, l.digest, l.mac, (SELECT p.mac FROM log p WHERE p.seq = l.seq - 1), typeof(l.sealed)`

// ScanLog reads a row of LogColumns. The result shares no memory with row, and its MAC is not
// checked.
func ScanLog(row *sqlite3.Stmt) LogRow {
	r := LogRow{
		Op:          myvault.Op(db.SmallAt(row, 2)),
		At:          db.TimeAt(row, 1),
		Author:      row.ColumnText(7),
		Prev:        uint64(row.ColumnInt64(6)),
		Description: row.ColumnText(8),
		Expires:     db.OptionalAt(row, 9),
		RotateAfter: db.OptionalAt(row, 10),
		Destroyed:   decodeRanges(row.ColumnRawBlob(11)),
		Digest:      row.ColumnBlob(23, nil),
		HasRecord:   row.ColumnText(26) == "blob",
	}
	e := &r.Entry
	e.Chain = myvault.ChainChanges
	e.Seq = uint64(row.ColumnInt64(0))
	e.Address = myvault.Address{Project: row.ColumnText(3), Path: row.ColumnText(4)}
	e.Version = myvault.Version(row.ColumnInt64(5))
	e.Service = db.TextOr(row, 12, r.Author)
	e.Via, e.Request, e.Remote = row.ColumnText(13), row.ColumnText(14), row.ColumnText(15)
	e.Action = db.TextOr(row, 16, r.Op.String())
	e.Outcome = myvault.Outcome(db.TextOr(row, 17, string(myvault.OutcomeOK)))
	e.Count = uint64(db.NumberOr(row, 18, 1))
	e.At = time.UnixMicro(db.NumberOr(row, 21, r.At.UnixMicro())).UTC()
	e.First = time.UnixMicro(db.NumberOr(row, 19, e.At.UnixMicro())).UTC()
	e.Last = time.UnixMicro(db.NumberOr(row, 20, e.At.UnixMicro())).UTC()
	e.Seen = uint64(row.ColumnInt64(22))
	e.Destroyed = r.Destroyed
	e.MAC, e.Prev = row.ColumnBlob(24, nil), row.ColumnBlob(25, nil)
	if e.Seq == 1 {
		e.Prev = crypto.Genesis()
	}
	return r
}

// CheckMAC checks the MAC of the row against the previous row of the log.
func (r *LogRow) CheckMAC(k *keyring.Ring) error {
	if !k.Chain.Verify(r.Entry.Prev, r.Canonical(k.Vault), r.Entry.MAC) {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: r.Entry.Seq, Reason: "its MAC does not match"}
	}
	return nil
}
