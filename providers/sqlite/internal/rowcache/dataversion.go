package rowcache

import (
	"context"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// dataVersion reads PRAGMA data_version on a dedicated connection. The result changes once any
// other connection, of any process, has committed.
// https://sqlite.org/pragma.html#pragma_data_version
type dataVersion struct {
	open func(context.Context) (*db.Conn, error)

	lock   chan struct{} // guards the fields below; a channel, so that waiting ends with a context
	conn   *db.Conn
	opened uint64 // number of connections so far; results of different ones are not comparable
	closed bool
}

// read returns the state of the file, or false if it cannot be read.
func (d *dataVersion) read(ctx context.Context) (t token, ok bool) {
	select {
	case d.lock <- struct{}{}:
		defer func() { <-d.lock }()
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
	// The first word stays zero. In a WAL-index header it never is.
	return token{1: d.opened, 2: uint64(version)}, true
}

func (d *dataVersion) close() error {
	d.lock <- struct{}{}
	defer func() { <-d.lock }()
	d.closed = true
	if d.conn == nil {
		return nil
	}
	defer func() { d.conn = nil }()
	return d.conn.Close()
}
