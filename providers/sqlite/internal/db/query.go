package db

import (
	"github.com/ncruces/go-sqlite3"
)

// Number gives a pragma that is a number.
func (c *Conn) Number(pragma string) (n int64, err error) {
	err = c.Each("PRAGMA "+pragma, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	})
	return n, err
}

// Integer gives the number that a query selects.
func (c *Conn) Integer(sql string, args ...any) (n int64, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	}, args...)
	return n, err
}

// Blob gives the bytes that a query selects; nil for NULL and for no row.
func (c *Conn) Blob(sql string, args ...any) (b []byte, err error) {
	err = c.Each(sql, func(row *sqlite3.Stmt) error {
		b = row.ColumnBlob(0, nil)
		return nil
	}, args...)
	return b, err
}

// Meta reads a value of the meta table; nil where it has none.
func (c *Conn) Meta(name string) ([]byte, error) {
	return c.Blob(`SELECT value FROM meta WHERE name = ?1`, name)
}

func (c *Conn) SetMeta(name string, value []byte) error {
	return c.Run(`INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2`, name, value)
}

func (c *Conn) DropMeta(name string) error {
	return c.Run(`DELETE FROM meta WHERE name = ?1`, name)
}
