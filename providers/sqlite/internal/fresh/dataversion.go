package fresh

import (
	"context"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// dataVersion asks PRAGMA data_version of a connection that is for nothing else: its answer
// differs from the one before once any other connection, of any process, has committed.
// https://sqlite.org/pragma.html#pragma_data_version
type dataVersion struct {
	open func(context.Context) (*db.Conn, error)

	turn   chan struct{} // a lock of one slot for the fields below
	conn   *db.Conn
	opened uint64 // how often; answers of two connections are not to be compared
	closed bool
}

// read gives what stands for the state of the file; false where it cannot be told.
func (d *dataVersion) read(ctx context.Context) (t token, ok bool) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return t, false
	}
	if d.closed {
		return t, false
	}
	if d.conn == nil {
		c, err := d.open(ctx)
		if err != nil {
			return t, false
		}
		d.conn = c
		d.opened++
	}
	outside := d.conn.SetInterrupt(ctx)
	var version int64
	err := fault.Guard(func() error {
		return d.conn.Each("PRAGMA data_version", func(row *sqlite3.Stmt) error {
			version = row.ColumnInt64(0)
			return nil
		})
	})
	if err != nil {
		_ = d.conn.Close()
		d.conn = nil
		return t, false
	}
	d.conn.SetInterrupt(outside)
	// The first word is zero, which that of a WAL-index header never is.
	return token{1: d.opened, 2: uint64(version)}, true
}

func (d *dataVersion) close() error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	d.closed = true
	if d.conn == nil {
		return nil
	}
	defer func() { d.conn = nil }()
	return d.conn.Close()
}
