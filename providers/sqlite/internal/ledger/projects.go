package ledger

import (
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/crypto/cryptobyte"
)

// ProjectColumns are the columns that ScanProject reads.
const ProjectColumns = `name, description, is_default, at, author, mac`

// ScanProject reads a row of ProjectColumns and checks its row MAC.
func ScanProject(k *keyring.Ring, row *sqlite3.Stmt) (myvault.Project, error) {
	p := myvault.Project{
		Name: row.ColumnText(0), Description: row.ColumnText(1), Default: row.ColumnInt64(2) != 0,
		At: db.TimeAt(row, 3), By: row.ColumnText(4),
	}
	if n := row.ColumnInt64(2); n != int64(flag(p.Default)) || !k.RowMAC.Verify(projectRow(k, p), row.ColumnRawBlob(5)) {
		return myvault.Project{}, fault.Tampered("a row of the table project")
	}
	return p, nil
}

// WriteProject inserts or replaces p, with its row MAC.
func WriteProject(k *keyring.Ring, c *db.Conn, p myvault.Project) error {
	return c.Run(`INSERT INTO project(name, description, is_default, at, author, mac) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT(name) DO UPDATE SET description = ?2, is_default = ?3, at = ?4, author = ?5, mac = ?6`,
		p.Name, p.Description, p.Default, p.At.UnixMicro(), p.By, k.RowMAC.Sum(projectRow(k, p)))
}

// ReadProjects reads the registered projects that condition selects, in the order of their names.
// It returns ErrTampered if they are not in that order.
func ReadProjects(k *keyring.Ring, c *db.Conn, condition string, args ...any) (projects []myvault.Project, err error) {
	err = c.Each(`SELECT `+ProjectColumns+` FROM project WHERE `+condition, func(row *sqlite3.Stmt) error {
		p, err := ScanProject(k, row)
		if n := len(projects); err == nil && n > 0 && p.Name <= projects[n-1].Name {
			err = fault.Tampered("the order of the table project")
		}
		projects = append(projects, p)
		return err
	}, args...)
	return projects, err
}

// ReadProject reads a registered project. found is false if name is not registered.
func ReadProject(k *keyring.Ring, c *db.Conn, name string) (p myvault.Project, found bool, err error) {
	projects, err := ReadProjects(k, c, `name = ?1`, name)
	if err != nil || len(projects) == 0 {
		return p, false, err
	}
	if projects[0].Name != name {
		return p, false, fault.Tampered("the order of the table project")
	}
	return projects[0], true, nil
}

// Reserved reports whether name is a project of the vault itself. Such projects are never
// registered.
func Reserved(name string) bool { return strings.HasPrefix(name, ".") }

// projectRow encodes the fields that the row MAC of a row of the table project covers.
func projectRow(k *keyring.Ring, p myvault.Project) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 256))
	encode.Str8(b, []byte("project"))
	encode.Str8(b, k.Vault)
	encode.Str16(b, p.Name)
	encode.Str16(b, p.Description)
	b.AddUint8(flag(p.Default))
	encode.Time(b, p.At)
	encode.Str16(b, p.By)
	return encode.Bytes(b)
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
