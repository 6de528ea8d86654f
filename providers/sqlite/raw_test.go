package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// raw is a connection that bypasses the package, like someone with access to the files.
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

// blobs returns the first column of every row.
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

// accesses returns the entries of all batches, oldest first.
func (r raw) accesses() (all []myvault.Entry) {
	r.t.Helper()
	stmt, _, err := r.db.Prepare(`SELECT seq, body FROM batch ORDER BY seq`)
	if err != nil {
		r.t.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		entries, err := sqlite.Unpack(stmt.ColumnBlob(1, nil), uint64(stmt.ColumnInt64(0)))
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, entries...)
	}
	if err := stmt.Err(); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// keep replaces the batches by these entries, each contiguous run in one batch.
func (r raw) keep(entries []myvault.Entry) {
	r.t.Helper()
	r.exec(`DELETE FROM batch`)
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && n < 256 && entries[n].Seq == entries[n-1].Seq+1 {
			n++
		}
		r.exec(fmt.Sprintf(`INSERT INTO batch VALUES(%d, x'%x')`, entries[0].Seq, sqlite.Pack(entries[:n])))
		entries = entries[n:]
	}
}

// alter changes the access entry with that sequence in its row.
func (r raw) alter(seq uint64, change func(*myvault.Entry)) {
	r.t.Helper()
	all := r.accesses()
	for i := range all {
		if all[i].Seq == seq {
			change(&all[i])
		}
	}
	r.keep(all)
}

// without removes the access entries for which gone returns true.
func (r raw) without(gone func(seq uint64) bool) {
	r.t.Helper()
	r.keep(slices.DeleteFunc(r.accesses(), func(e myvault.Entry) bool { return gone(e.Seq) }))
}

func (r raw) close() {
	r.t.Helper()
	if err := r.db.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// files returns the content of every file in a directory, by name.
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
