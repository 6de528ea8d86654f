package ledger

import (
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// Head is a row of the table head: the current version of an address.
type Head struct {
	myvault.Info
	Seq      uint64 // the newest log row of the address
	ValueSeq uint64 // the log row that has the value
}

// CheckReadable returns ErrNotFound or ErrDestroyed if the head alone shows that wanted cannot be
// read. 0 is the current version.
func (h *Head) CheckReadable(wanted myvault.Version) error {
	switch {
	case wanted > h.Version, h.State != myvault.Live && (h.State != myvault.Destroyed || wanted == 0):
		return myvault.ErrNotFound
	case h.State == myvault.Destroyed && wanted == h.Version:
		return myvault.ErrDestroyed
	}
	return nil
}

// canonical encodes the fields that the row MAC of the row covers.
func (h *Head) canonical(vault []byte) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 256))
	encode.Str8(b, []byte("head"))
	encode.Str8(b, vault)
	encode.Str16(b, h.Project)
	encode.Str16(b, h.Path)
	b.AddUint64(uint64(h.Version))
	b.AddUint8(uint8(h.State))
	encode.Time(b, h.At)
	encode.Str16(b, h.By)
	encode.OptionalTime(b, h.Expires)
	encode.OptionalTime(b, h.RotateAfter)
	b.AddUint64(h.Seq)
	b.AddUint64(h.ValueSeq)
	return encode.Bytes(b)
}

// HeadColumns are the columns that ScanHead reads.
const HeadColumns = `h.project, h.path, h.version, h.state, h.at, h.author, h.expires, h.rotate_after, h.seq, h.value_seq, h.mac`

// ScanHead reads a row of HeadColumns and checks its row MAC. The result shares no memory with row.
func ScanHead(k *keyring.Ring, row *sqlite3.Stmt) (Head, error) {
	// One allocation for the three texts keeps a cached row compact.
	var buffer [256]byte
	texts := append(buffer[:0], row.ColumnRawText(0)...)
	project := len(texts)
	texts = append(texts, row.ColumnRawText(1)...)
	path := len(texts)
	text := string(append(texts, row.ColumnRawText(5)...))
	h := Head{
		Info: myvault.Info{
			Address:     myvault.Address{Project: text[:project], Path: text[project:path]},
			Version:     myvault.Version(row.ColumnInt64(2)),
			State:       myvault.State(db.SmallAt(row, 3)),
			At:          db.TimeAt(row, 4),
			By:          text[path:],
			Expires:     db.OptionalAt(row, 6),
			RotateAfter: db.OptionalAt(row, 7),
		},
		Seq:      uint64(row.ColumnInt64(8)),
		ValueSeq: uint64(row.ColumnInt64(9)),
	}
	if !k.RowMAC.Verify(h.canonical(k.Vault), row.ColumnRawBlob(10)) {
		return Head{}, fault.Tampered("a row of the table head, which points at log sequence %d", h.Seq)
	}
	return h, nil
}

// ScanHeadOf is ScanHead for a row looked up by addr. SQLite trusts the order on disk: if it was
// tampered with, the lookup may find the row of another address.
func ScanHeadOf(k *keyring.Ring, addr myvault.Address, row *sqlite3.Stmt) (Head, error) {
	h, err := ScanHead(k, row)
	if err == nil && h.Address != addr {
		return Head{}, fault.Tampered("the order of the table head, at a row which points at log sequence %d", h.Seq)
	}
	return h, err
}

// ReadHead reads the head of addr. If addr never had a version, it returns the zero Head.
func ReadHead(k *keyring.Ring, c *db.Conn, addr myvault.Address) (h Head, err error) {
	err = c.Read(`SELECT `+HeadColumns+` FROM head h WHERE h.project = ?1 AND h.path = ?2`, func(b *db.Binder) {
		b.Text(addr.Project)
		b.Text(addr.Path)
	}, func(row *sqlite3.Stmt) (err error) {
		h, err = ScanHeadOf(k, addr, row)
		return err
	})
	return h, err
}

const (
	insertHead = `INSERT INTO head(project, path, version, state, at, author, expires, rotate_after, seq, value_seq, mac)
		VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`
	updateHead = `UPDATE head SET version = ?3, state = ?4, at = ?5, author = ?6, expires = ?7, rotate_after = ?8,
		seq = ?9, value_seq = ?10, mac = ?11 WHERE project = ?1 AND path = ?2`
)

// WriteHead writes h with its row MAC. It inserts the row if isNew and updates it otherwise; an
// upsert takes a third longer than either.
func WriteHead(k *keyring.Ring, c *db.Conn, h Head, isNew bool) error {
	statement := updateHead
	if isNew {
		statement = insertHead
	}
	return c.Write(statement, func(b *db.Binder) {
		b.Text(h.Project)
		b.Text(h.Path)
		b.Int(int64(h.Version))
		b.Int(int64(h.State))
		b.Time(h.At)
		b.Text(h.By)
		b.Optional(h.Expires)
		b.Optional(h.RotateAfter)
		b.Int(int64(h.Seq))
		b.Int(int64(h.ValueSeq))
		b.Blob(k.RowMAC.Sum(h.canonical(k.Vault)))
	})
}
