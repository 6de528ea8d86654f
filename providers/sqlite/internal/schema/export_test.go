package schema

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// Digests returns, for each kind of file, the digest of the newest expected schema and that of
// the tables that are created.
func Digests() (expected, made map[string]string, err error) {
	expected, made = map[string]string{}, map[string]string{}
	for _, k := range []Kind{VaultFile, AccessFile} {
		expected[k.Name] = k.schemas[len(k.schemas)-1]
		opened, err := sqlite3.Open(":memory:")
		if err != nil {
			return nil, nil, err
		}
		c := db.Wrap(opened)
		if err = c.Exec(k.tables); err == nil {
			made[k.Name], err = digest(c)
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return nil, nil, err
		}
	}
	return expected, made, nil
}
