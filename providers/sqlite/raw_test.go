package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// raw is a connection past the package, as someone has who holds the files.
type raw struct {
	t  testing.TB
	db *sqlite3.Conn
}

func rawOpen(t testing.TB, dir, file string) raw {
	t.Helper()
	db, err := sqlite3.Open(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return raw{t, db}
}

func (r raw) exec(sql string) {
	r.t.Helper()
	if err := r.db.Exec(sql); err != nil {
		r.t.Fatal(err)
	}
}

// blobs gives the first column of every row.
func (r raw) blobs(sql string) (all [][]byte) {
	r.t.Helper()
	stmt, _, err := r.db.Prepare(sql)
	if err != nil {
		r.t.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		all = append(all, stmt.ColumnBlob(0, nil))
	}
	if err := stmt.Err(); err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r raw) close() {
	r.t.Helper()
	if err := r.db.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// files gives the content of every file in a directory, by name.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = content
	}
	return all
}
