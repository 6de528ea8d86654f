package sqlite

import (
	"github.com/ncruces/go-sqlite3"
)

// number gives a pragma that is a number.
func (c *conn) number(pragma string) (n int64, err error) {
	err = c.each("PRAGMA "+pragma, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	})
	return n, err
}

// integer gives the number that a query selects.
func (c *conn) integer(sql string, args ...any) (n int64, err error) {
	err = c.each(sql, func(row *sqlite3.Stmt) error {
		n = row.ColumnInt64(0)
		return nil
	}, args...)
	return n, err
}

// blob gives the bytes that a query selects; nil for NULL and for no row.
func (c *conn) blob(sql string, args ...any) (b []byte, err error) {
	err = c.each(sql, func(row *sqlite3.Stmt) error {
		b = row.ColumnBlob(0, nil)
		return nil
	}, args...)
	return b, err
}

// meta reads a value of the meta table; nil where it has none.
func (c *conn) meta(name string) ([]byte, error) {
	return c.blob(`SELECT value FROM meta WHERE name = ?1`, name)
}

func (c *conn) setMeta(name string, value []byte) error {
	return c.run(`INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2`, name, value)
}

func (c *conn) dropMeta(name string) error {
	return c.run(`DELETE FROM meta WHERE name = ?1`, name)
}
