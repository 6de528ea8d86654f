package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// checkSchema compares the schema of the open file with the one that its version has, and
// returns that version. What is planted in a schema changes what this package's statements mean:
// a column with UNIQUE ON CONFLICT IGNORE makes an INSERT succeed that has inserted nothing.
func (k kind) checkSchema(c *db.Conn) (version int64, err error) {
	if version, err = c.Number("user_version"); err != nil {
		return version, err
	}
	if version == 0 {
		return version, k.checkEmpty(c)
	}
	digest, err := schemaDigest(c)
	if err == nil && (version < k.oldest() || version > k.version() || digest != k.schemas[version-k.oldest()]) {
		if err = k.identify(c); err == nil { // which says more
			err = k.foreignSchema()
		}
	}
	return version, err
}

// checkEmpty refuses a file without a version that has tables: they must not be taken for those
// of a first version.
func (k kind) checkEmpty(c *db.Conn) error {
	objects, err := c.Integer(`SELECT count(*) FROM sqlite_schema`)
	if err == nil && objects > 0 {
		err = k.foreignSchema()
	}
	return err
}

func (k kind) foreignSchema() error {
	return fault.Tampered("the schema of %s is not the one that this program makes; restore a backup", k.name)
}

// checkHeader refuses settings in the header of a file that this program does not make, and that
// change what is stored or compared. They stay as they are while a file is open.
func (k kind) checkHeader(c *db.Conn) error {
	for pragma, want := range map[string]string{"encoding": "UTF-8", "auto_vacuum": "0"} {
		got, err := c.Pragma(pragma)
		if err != nil {
			return err
		}
		if got != want {
			return k.foreignSchema()
		}
	}
	return nil
}

// schemaDigest returns the SHA-256 of the rows of sqlite_schema, https://sqlite.org/schematab.html,
// without the numbers of their pages.
func schemaDigest(c *db.Conn) (string, error) {
	h := sha256.New()
	err := c.Each(`SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, tbl_name, sql`, func(row *sqlite3.Stmt) error {
		for column := range 4 {
			text := row.ColumnRawText(column)
			_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
			_, _ = h.Write(text)
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// checkSchema checks the schema that the connection uses, unless that was done since it last
// changed. The engine reads it again once the number in the file's header is another one.
func (f *file) checkSchema(c *db.Conn) error {
	cookie, err := c.Number("schema_version")
	if err != nil || c.SchemaChecked && cookie == c.SchemaCookie {
		return err
	}
	// The engine may read a bad schema now, and the number can be put back afterwards.
	c.SchemaChecked = false
	version, err := f.kind.checkSchema(c)
	if err == nil && version != f.kind.version() {
		err = fault.Tampered("%s has version %d in place of %d", f.kind.name, version, f.kind.version())
	}
	if err == nil {
		c.SchemaChecked, c.SchemaCookie = true, cookie
	}
	return err
}

// connect opens a connection to the file, whose schema it has checked.
func (f *file) connect(ctx context.Context, s db.Settings) (*db.Conn, error) {
	s.VFS = f.options.vfs
	c, err := db.Connect(ctx, f.path, s)
	if err != nil {
		return nil, err
	}
	outside := c.SetInterrupt(ctx)
	if err := fault.Guard(func() error { return f.checkSchema(c) }); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.SetInterrupt(outside)
	return c, nil
}

// migrate brings the file to the newest version.
func (f *file) migrate(ctx context.Context) error {
	if version, err := f.anchor.Number("user_version"); err != nil || version == f.kind.version() {
		return err
	}
	if err := f.inPlace(); err != nil {
		return err
	}
	c, err := db.Connect(ctx, f.path, db.Settings{VFS: f.options.vfs, Synchronous: f.options.synchronous, CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
	if err != nil {
		return err
	}
	err = fault.Guard(func() error {
		if err := c.Transaction(ctx, f.beforeWrite); err != nil {
			return err
		}
		return f.kind.migrate(ctx, c)
	})
	return errors.Join(err, f.leaveLog(c), c.Close())
}
