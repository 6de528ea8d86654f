package tamper_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// FuzzRows checks that no row with arbitrary columns authenticates, that no record opens, and that
// nothing panics.
func FuzzRows(f *testing.F) {
	f.Add(int64(1), "p", []byte{1, 0, 0, 0, 1}, uint8(0))
	f.Add(int64(-1<<63), "\x00\xff", []byte(nil), uint8(7))
	rows, err := newAnyRow()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = rows.close() })
	f.Fuzz(func(t *testing.T, n int64, s string, b []byte, order uint8) {
		if len(s) > 60000 || len(b) > 60000 {
			return
		}
		all := []any{n, s, b, nil}
		i, j, k := order%4, order/4%4, order/16%4
		held, err := rows.hold(all[i], all[j], all[k])
		if err != nil || held {
			t.Fatalf("authenticated: %v, %v", held, err)
		}
		if err := rows.openRecord(b); err != nil {
			t.Fatal(err)
		}
	})
}

// anyRow decodes rows of every table, with any value in their columns.
type anyRow struct {
	c    *db.Conn
	keys *keyring.Ring
}

// newAnyRow returns one with random keys.
func newAnyRow() (*anyRow, error) {
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
	return &anyRow{c, keys}, err
}

// close releases the connection.
func (r *anyRow) close() error { return r.c.Close() }

// manyColumns selects more columns than any row has, of the three kinds in turn.
const manyColumns = `SELECT ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3, ?1, ?2, ?3,
	?1, ?2, ?3, ?1, ?2, ?3`

// hold reports whether any kind of row with these columns would authenticate.
func (r *anyRow) hold(columns ...any) (held bool, err error) {
	err = r.c.Each(manyColumns, func(row *sqlite3.Stmt) error {
		log := ledger.ScanLog(row)
		_, asHead := ledger.ScanHead(r.keys, row)
		_, asProject := ledger.ScanProject(r.keys, row)
		held = log.CheckMAC(r.keys) == nil || asHead == nil || asProject == nil
		return nil
	}, columns...)
	return held, err
}

// openRecord opens a record that was never sealed.
func (r *anyRow) openRecord(record []byte) error {
	_, err := r.keys.OpenRecord(r.c, crypto.RecordID{Project: "p", Path: "a", Version: 1}, 1, record)
	if err == nil {
		return errors.New("it opened")
	}
	return nil
}
