package sqlite

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// Rows decodes rows of every table, with any value in their columns.
type Rows struct {
	c    *db.Conn
	keys *keyring.Ring
}

// NewRows returns one with random keys.
func NewRows() (*Rows, error) {
	opened, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, err
	}
	c := db.Wrap(opened)
	err = schema.VaultFile.Migrate(context.Background(), c)
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Create(c, crypto.NewKey())
	return &Rows{c, keys}, err
}

// Close releases the connection.
func (r *Rows) Close() error { return r.c.Close() }

// manyColumns selects more columns than any row has, of the three kinds in turn.
const manyColumns = `SELECT ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3,
	?1, ?2, ?3, ?1, ?2, ?3`

// Hold reports whether any kind of row with these columns would authenticate.
func (r *Rows) Hold(columns ...any) (held bool, err error) {
	err = r.c.Each(manyColumns, func(row *sqlite3.Stmt) error {
		log := ledger.ScanLog(row)
		_, asHead := ledger.ScanHead(r.keys, row)
		_, asProject := ledger.ScanProject(r.keys, row)
		held = log.CheckMAC(r.keys) == nil || asHead == nil || asProject == nil
		return nil
	}, columns...)
	return held, err
}

// Spans decodes spans and encodes them again.
func Spans(b []byte) []byte { return ledger.DecodeRanges(b).Encode() }

// OpenRecord opens a record that was never sealed.
func (r *Rows) OpenRecord(record []byte) error {
	_, err := r.keys.OpenRecord(r.c, crypto.RecordID{Project: "p", Path: "a", Version: 1}, 1, record)
	if err == nil {
		return errors.New("it opened")
	}
	return nil
}

// Unpack reads the body of a batch of entries, and Pack makes one.
func Unpack(body []byte, first uint64) ([]myvault.Entry, error) {
	return access.DecodeBatch(body, first)
}

// Pack packs entries that follow each other, with the MACs that they have.
func Pack(entries []myvault.Entry) []byte {
	var p access.Batch
	for i := range entries {
		p.Add(&entries[i], entries[i].MAC)
	}
	if p.N == 0 {
		return nil
	}
	return p.Encode()
}
