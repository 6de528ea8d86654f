package sqlite

import (
	"sync"

	"github.com/ncruces/go-sqlite3"
)

// dataVersion asks PRAGMA data_version of a connection that is for nothing else: its answer
// differs from the one before once any other connection, of any process, has committed.
// https://sqlite.org/pragma.html#pragma_data_version
type dataVersion struct {
	open func() (*conn, error)

	mu     sync.Mutex
	conn   *conn
	opened uint64 // how often; answers of two connections are not to be compared
	closed bool
}

// read gives what stands for the state of the file; false where it cannot be told.
func (d *dataVersion) read() (t token, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return t, false
	}
	if d.conn == nil {
		c, err := d.open()
		if err != nil {
			return t, false
		}
		d.conn = c
		d.opened++
	}
	var version int64
	err := guard(func() error {
		return d.conn.each("PRAGMA data_version", func(row *sqlite3.Stmt) error {
			version = row.ColumnInt64(0)
			return nil
		})
	})
	if err != nil {
		_ = d.conn.close()
		d.conn = nil
		return t, false
	}
	// The first word is zero, which that of a WAL-index header never is.
	return token{1: d.opened, 2: uint64(version)}, true
}

func (d *dataVersion) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.conn == nil {
		return nil
	}
	defer func() { d.conn = nil }()
	return d.conn.close()
}
