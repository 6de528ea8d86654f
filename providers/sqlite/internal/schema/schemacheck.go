package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckSchema returns the version of the open file. If its schema is not the one of that version,
// it returns an error. A manipulated schema changes the meaning of statements: with UNIQUE ON
// CONFLICT IGNORE on a column, an INSERT that inserts nothing succeeds.
func (k Kind) CheckSchema(c *db.Conn) (version int64, err error) {
	if version, err = c.Number("user_version"); err != nil {
		return version, err
	}
	if version == 0 {
		return version, k.checkEmpty(c)
	}
	found, err := digest(c)
	if err == nil && (version < k.oldest() || version > k.Version() || found != k.schemas[version-k.oldest()]) {
		if err = k.Identify(c); err == nil { // prefer its more precise error
			err = k.foreignSchema()
		}
	}
	return version, err
}

// checkEmpty returns an error if a file without a version has tables, which no version of this
// program created.
func (k Kind) checkEmpty(c *db.Conn) error {
	objects, err := c.Integer(`SELECT count(*) FROM sqlite_schema`)
	if err == nil && objects > 0 {
		err = k.foreignSchema()
	}
	return err
}

func (k Kind) foreignSchema() error {
	return fault.Tampered("the schema of %s was changed; restore a backup", k.Name)
}

// checkHeader returns an error if the header of a file has other settings than this program
// writes for how data is stored or compared. They cannot change while a file is open.
func (k Kind) checkHeader(c *db.Conn) error {
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

// digest returns the SHA-256 of the rows of sqlite_schema without their page numbers, in
// hexadecimal digits: https://sqlite.org/schematab.html.
func digest(c *db.Conn) (string, error) {
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
