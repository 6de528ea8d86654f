package db

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// Transaction commits what f does, or rolls it back where f fails. ctx ends only the waiting for
// another process that writes.
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

// begin begins a transaction that writes. It waits for another process that does, at most for
// busyTimeout and until ctx ends.
func (c *Conn) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.BusyTimeout(BusyTimeout); err != nil {
		return err
	}
	outside := c.SetInterrupt(ctx)
	err := c.Exec(`BEGIN IMMEDIATE`)
	c.SetInterrupt(outside)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), c.Rollback()) // the engine may ask for the context once more behind the beginning
	}
	return errors.Join(err, c.BusyTimeout(c.Busy))
}

// Rollback ends the transaction, unless the engine has ended it itself.
func (c *Conn) Rollback() error {
	if c.GetAutocommit() {
		return nil
	}
	return c.Exec(`ROLLBACK`)
}

// Snapshot runs f, whose queries through c see one state of the file.
func (c *Conn) Snapshot(f func() error) error {
	err := c.Run(`BEGIN DEFERRED`)
	if err == nil {
		err = f()
	}
	// The end of a transaction that wrote nothing must not fail by the caller's context. An
	// error of the beginning does not tell that there is no transaction: the engine asks for
	// the context once more behind it.
	c.SetInterrupt(context.Background())
	left := c.Rollback()
	if left != nil {
		c.Broken = true // what it reads would stay as it is
	}
	return errors.Join(err, left)
}

// Commit commits the transaction.
func (c *Conn) Commit() error {
	return c.Write(`COMMIT`, nil)
}

// DataVersion gives a number that changes with every commit, of this connection too. In a
// transaction it tells of the commits of others before it.
// https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html
func (c *Conn) DataVersion() (uint32, error) {
	v, err := c.FileControl("main", sqlite3.FCNTL_DATA_VERSION)
	if err != nil {
		return 0, err
	}
	return v.(uint32), nil
}
