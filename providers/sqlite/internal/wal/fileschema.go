package wal

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckSchema checks the schema of the connection, unless it was checked at the current
// schema_version. SQLite reads the schema again when that number in the file's header changes.
func (f *File) CheckSchema(c *db.Conn) error {
	cookie, err := c.Number("schema_version")
	if err != nil || c.SchemaChecked && cookie == c.SchemaCookie {
		return err
	}
	// Clear it first: a failed check must not count if an attacker restores the old number.
	c.SchemaChecked = false
	version, err := f.Kind.CheckSchema(c)
	if err == nil && version != f.Kind.Version() {
		err = fault.Tampered("%s has format version %d, expected %d", f.Kind.Name, version, f.Kind.Version())
	}
	if err == nil {
		c.SchemaChecked, c.SchemaCookie = true, cookie
	}
	return err
}

// connect opens a connection to the file and checks its schema.
func (f *File) connect(ctx context.Context, s db.Settings) (*db.Conn, error) {
	s.VFS = f.Options.VFS
	c, err := db.Connect(ctx, f.Path, s)
	if err != nil {
		return nil, err
	}
	outside := c.SetInterrupt(ctx)
	if err := fault.Guard(func() error { return f.CheckSchema(c) }); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.SetInterrupt(outside)
	return c, nil
}

// migrate converts the file to the newest version of its format.
func (f *File) migrate(ctx context.Context) error {
	if version, err := f.Anchor.Number("user_version"); err != nil || version == f.Kind.Version() {
		return err
	}
	if err := f.CheckFiles(); err != nil {
		return err
	}
	c, err := db.Connect(ctx, f.Path, db.Settings{VFS: f.Options.VFS, Synchronous: f.Options.Synchronous,
		CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
	if err != nil {
		return err
	}
	err = fault.Guard(func() error {
		if err := c.Transaction(ctx, f.BeforeWrite); err != nil {
			return err
		}
		return f.Kind.Migrate(ctx, c)
	})
	return errors.Join(err, f.keepWALAtClose(c), c.Close())
}
