package db

import (
	"github.com/ncruces/go-sqlite3"
)

// Number returns the value of a numeric pragma.
func (c *Conn) Number(pragma string) (n int64, err error) {
	err = c.Each("PRAGMA "+pragma, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	})
	return n, err
}

// Integer returns the number that a query selects, or 0 if there is no row.
func (c *Conn) Integer(sql string, args ...any) (n int64, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	}, args...)
	return n, err
}

// Blob returns the bytes that a query selects, or nil for NULL or no row.
func (c *Conn) Blob(sql string, args ...any) (b []byte, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) error {
		b = row.ColumnBlob(0, nil)
		return nil
	}, args...)
	return b, err
}

// Meta returns a value of the table meta, or nil if there is none.
func (c *Conn) Meta(name string) ([]byte, error) {
	return c.Blob(`SELECT value FROM meta WHERE name = ?1`, name)
}

// SetMeta stores a value in the table meta.
func (c *Conn) SetMeta(name string, value []byte) error {
	return c.Run(`INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2`, name, value)
}

// DropMeta deletes a value from the table meta.
func (c *Conn) DropMeta(name string) error {
	return c.Run(`DELETE FROM meta WHERE name = ?1`, name)
}
