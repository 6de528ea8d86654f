package storetest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// Raw is a connection that bypasses the package, like someone with access to the files.
type Raw struct {
	T  testing.TB
	DB *sqlite3.Conn
}

// OpenRaw opens a file of the store in dir until the end of the test.
func OpenRaw(t testing.TB, dir, file string) Raw {
	t.Helper()
	db, err := sqlite3.Open(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return Raw{t, db}
}

// Exec runs SQL.
func (r Raw) Exec(sql string) {
	r.T.Helper()
	if err := r.DB.Exec(sql); err != nil {
		r.T.Fatal(err)
	}
}

// Blobs returns the first column of every row.
func (r Raw) Blobs(sql string) (all [][]byte) {
	r.T.Helper()
	stmt, _, err := r.DB.Prepare(sql)
	if err != nil {
		r.T.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		all = append(all, stmt.ColumnBlob(0, nil))
	}
	if err := stmt.Err(); err != nil {
		r.T.Fatal(err)
	}
	return all
}

// Accesses returns the entries of all batches, oldest first.
func (r Raw) Accesses() (all []myvault.Entry) {
	r.T.Helper()
	stmt, _, err := r.DB.Prepare(`SELECT seq, body FROM batch ORDER BY seq`)
	if err != nil {
		r.T.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		entries, err := Unpack(stmt.ColumnBlob(1, nil), uint64(stmt.ColumnInt64(0)))
		if err != nil {
			r.T.Fatal(err)
		}
		all = append(all, entries...)
	}
	if err := stmt.Err(); err != nil {
		r.T.Fatal(err)
	}
	return all
}

// Keep replaces the batches by these entries, each contiguous run in one batch.
func (r Raw) Keep(entries []myvault.Entry) {
	r.T.Helper()
	r.Exec(`DELETE FROM batch`)
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && n < 256 && entries[n].Seq == entries[n-1].Seq+1 {
			n++
		}
		r.Exec(fmt.Sprintf(`INSERT INTO batch VALUES(%d, x'%x')`, entries[0].Seq, Pack(entries[:n])))
		entries = entries[n:]
	}
}

// Alter changes the access entry with that sequence in its row.
func (r Raw) Alter(seq uint64, change func(*myvault.Entry)) {
	r.T.Helper()
	all := r.Accesses()
	for i := range all {
		if all[i].Seq == seq {
			change(&all[i])
		}
	}
	r.Keep(all)
}

// Without removes the access entries for which gone returns true.
func (r Raw) Without(gone func(seq uint64) bool) {
	r.T.Helper()
	r.Keep(slices.DeleteFunc(r.Accesses(), func(e myvault.Entry) bool { return gone(e.Seq) }))
}

// Close closes the connection.
func (r Raw) Close() {
	r.T.Helper()
	if err := r.DB.Close(); err != nil {
		r.T.Fatal(err)
	}
}
