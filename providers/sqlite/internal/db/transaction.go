package db

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// Transaction runs f in a write transaction. It commits, or rolls back if f fails. The end of ctx
// ends only the wait for another process that writes.
func (c *Conn) Transaction(ctx context.Context, f func() error) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.Exec(`COMMIT`)
	}
	if err != nil {
		return errors.Join(err, c.Rollback())
	}
	return nil
}

// begin begins a write transaction. It waits for another process that writes, until BusyTimeout
// has passed or ctx ends.
func (c *Conn) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.BusyTimeout(BusyTimeout); err != nil {
		return err
	}
	previous := c.SetInterrupt(ctx)
	err := c.Exec(`BEGIN IMMEDIATE`)
	c.SetInterrupt(previous)
	if err != nil && ctx.Err() != nil {
		// SQLite may notice the end of ctx only after it has begun the transaction.
		err = errors.Join(ctx.Err(), c.Rollback())
	}
	return errors.Join(err, c.BusyTimeout(c.Busy))
}

// Rollback rolls back the transaction, unless SQLite has already ended it.
func (c *Conn) Rollback() error {
	if c.GetAutocommit() {
		return nil
	}
	return c.Exec(`ROLLBACK`)
}

// Snapshot runs f in a read transaction: all its queries through c see one state of the file.
func (c *Conn) Snapshot(f func() error) error {
	err := c.Run(`BEGIN DEFERRED`)
	if err == nil {
		err = f()
	}
	// Ending a read transaction must not fail because the caller's context has ended. Roll back
	// even if BEGIN failed: SQLite may have begun before it noticed the end of the context.
	c.SetInterrupt(context.Background())
	rollbackErr := c.Rollback()
	if rollbackErr != nil {
		c.Broken = true // later reads would still see the old snapshot
	}
	return errors.Join(err, rollbackErr)
}

// DataVersion returns a number that changes with every commit, also with those of this connection.
// In a transaction it reflects the earlier commits of other connections.
// https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html
func (c *Conn) DataVersion() (uint32, error) {
	v, err := c.FileControl("main", sqlite3.FCNTL_DATA_VERSION)
	if err != nil {
		return 0, err
	}
	return v.(uint32), nil
}
