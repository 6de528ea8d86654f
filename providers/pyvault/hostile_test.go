package pyvault_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/pyservice"
	"github.com/myswiftagent/myvault/providers/pyvault"
)

// Schemas that run code, or generate text that is not in the file, are refused.
func TestHostileSchemas(t *testing.T) {
	const project = `CREATE TABLE projects (id INTEGER, name TEXT, description TEXT, is_default BOOLEAN, created_at TEXT, created_by TEXT);`
	const secret = `CREATE TABLE secrets (id INTEGER, project TEXT, path TEXT, encrypted_value BLOB, encryption_iv BLOB, encryption_tag BLOB, updated_at TEXT, updated_by TEXT);`
	// Insert the row before the column, which SQLite would compute at once.
	generated := func(expression string) string {
		return project + strings.Replace(secret, "encrypted_value BLOB, ", "", 1) + `INSERT INTO secrets(id, project, path) VALUES (1, 'p', 'a');
			ALTER TABLE secrets ADD COLUMN encrypted_value TEXT AS (` + expression + `)`
	}
	for name, schema := range map[string]string{
		"a generated column":        generated(`'x'`),
		"a generated gigabyte":      generated(`hex(zeroblob(500000000))`),
		"a generated text":          generated(`printf('%.*c', 999999999, 'x')`),
		"a stored generated column": project + strings.Replace(secret, "encrypted_value BLOB", "encrypted_value AS ('x' || path) STORED", 1),
		"a default that is generated": secret + `CREATE TABLE projects (id INTEGER, name TEXT, description TEXT, created_at TEXT, created_by TEXT);
			INSERT INTO projects(id, name) VALUES (1, 'p'); ALTER TABLE projects ADD COLUMN is_default AS (hex(zeroblob(400000000)))`,
		"a view":           project + `CREATE VIEW secrets AS SELECT 1 AS id, 'p' AS project, 'a' AS path, '' AS encrypted_value, '' AS encryption_iv, '' AS encryption_tag, '' AS updated_at, '' AS updated_by`,
		"a recursive view": project + `CREATE VIEW secrets AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id+1 FROM n) SELECT id, 'p' AS project, 'a' AS path, '' AS encrypted_value, '' AS encryption_iv, '' AS encryption_tag, '' AS updated_at, '' AS updated_by FROM n`,
		"a virtual table":  project + `PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES ('table', 'secrets', 'secrets', 0, 'CREATE VIRTUAL TABLE secrets USING dbstat')`,
		"no secrets":       project,
		"no projects":      secret,
		"a column less":    project + `CREATE TABLE secrets (id INTEGER, project TEXT, path TEXT)`,
		"nothing":          `PRAGMA user_version = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			s := pyservice.New(t, key, true)
			s.Exec(`DROP TABLE secrets; DROP TABLE projects; ` + schema)
			_, err := pyvault.Open(t.Context(), s.Done(), key, pyvault.Config{})
			is.True(errors.Is(err, myvault.ErrInvalid))
		})
	}
}

// A file of some hundred kilobytes with a cycle of pages is refused once it has yielded more than
// it contains.
func TestCyclesOfPages(t *testing.T) {
	is := is.New(t)
	const pageSize = 512
	key := crypto.NewKey()
	s := pyservice.New(t, key, true)
	s.Exec(`PRAGMA page_size=512; VACUUM; BEGIN`)
	for i := range 2000 {
		s.Put("p", fmt.Sprint("a", i), "v")
	}
	s.Exec(`COMMIT`)
	stmt, _, err := s.DB.Prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'secrets'`)
	is.NoErr(err)
	is.True(stmt.Step())
	root := stmt.ColumnInt(0)
	is.NoErr(stmt.Close())
	path := s.Done()
	data, err := os.ReadFile(path)
	is.NoErr(err)
	page := func(n int) []byte { return data[(n-1)*pageSize : n*pageSize] }
	inner := []int{root}
	for n := 2; n <= len(data)/pageSize; n++ {
		if page(n)[0] == 5 && n != root { // an inner table page in the SQLite file format
			inner = append(inner, n)
		}
	}
	is.True(len(inner) > 6)
	for i, n := range inner[:len(inner)-1] {
		p, next := page(n), uint32(inner[i+1])
		binary.BigEndian.PutUint32(p[8:], next)
		for cell := range int(binary.BigEndian.Uint16(p[3:])) {
			at := binary.BigEndian.Uint16(p[12+2*cell:])
			binary.BigEndian.PutUint32(p[at:], next)
		}
	}
	is.NoErr(os.WriteFile(path, data, 0o600))
	_, err = pyvault.Open(t.Context(), path, key, pyvault.Config{})
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.True(strings.Contains(err.Error(), "more data than it can contain"))
}
