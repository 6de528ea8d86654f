package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// CheckSchema compares the schema of the open file with the one that its version has, and
// returns that version. What is planted in a schema changes what this package's statements mean:
// a column with UNIQUE ON CONFLICT IGNORE makes an INSERT succeed that has inserted nothing.
func (k Kind) CheckSchema(c *db.Conn) (version int64, err error) {
	if version, err = c.Number("user_version"); err != nil {
		return version, err
	}
	if version == 0 {
		return version, k.checkEmpty(c)
	}
	digest, err := Digest(c)
	if err == nil && (version < k.oldest() || version > k.Version() || digest != k.Schemas[version-k.oldest()]) {
		if err = k.Identify(c); err == nil { // which says more
			err = k.foreignSchema()
		}
	}
	return version, err
}

// checkEmpty refuses a file without a version that has tables: they must not be taken for those
// of a first version.
func (k Kind) checkEmpty(c *db.Conn) error {
	objects, err := c.Integer(`SELECT count(*) FROM sqlite_schema`)
	if err == nil && objects > 0 {
		err = k.foreignSchema()
	}
	return err
}

func (k Kind) foreignSchema() error {
	return fault.Tampered("the schema of %s is not the one that this program makes; restore a backup", k.Name)
}

// checkHeader refuses settings in the header of a file that this program does not make, and that
// change what is stored or compared. They stay as they are while a file is open.
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

// Digest returns the SHA-256 of the rows of sqlite_schema, https://sqlite.org/schematab.html,
// without the numbers of their pages.
func Digest(c *db.Conn) (string, error) {
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
