package tamper_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// tamperings are changes that someone with the files, but without the key, can make.
var tamperings = []struct {
	name  string
	file  string
	sql   string
	get   string // reading this secret must return ErrTampered; "": none
	chain string
	seq   uint64 // sequence in the error of Verify; 0: an error without one
}{
	{"records of two versions exchanged", "vault.db", exchange(2, 8), "p/a", "changes", 2},
	{"records of two secrets exchanged", "vault.db", exchange(3, 8), "p/b", "changes", 3},
	{"records of two projects exchanged", "vault.db", exchange(4, 8), "q/a", "changes", 4},
	{"a record copied", "vault.db", `UPDATE log SET sealed = (SELECT sealed FROM log WHERE seq = 2) WHERE seq = 8`, "p/a", "changes", 8},
	{"a record copied with its digest", "vault.db", `UPDATE log SET (sealed, digest) = (SELECT sealed, digest FROM log WHERE seq = 2) WHERE seq = 8`, "p/a", "changes", 8},
	{"a record removed", "vault.db", `UPDATE log SET sealed = NULL WHERE seq = 3`, "p/b", "changes", 3},
	{"a head pointed back", "vault.db", `UPDATE head SET version = 2, seq = 2, value_seq = 2 WHERE path = 'a' AND project = 'p'`, "p/a", "changes", 9},
	{"a head pointed at another value", "vault.db", `UPDATE head SET value_seq = 2 WHERE path = 'a' AND project = 'p'`, "p/a", "changes", 9},
	{"a head marked deleted", "vault.db", `UPDATE head SET state = 2 WHERE path = 'b'`, "p/b", "changes", 6},
	{"a head in no state", "vault.db", `UPDATE head SET state = 257 WHERE path = 'b'`, "p/b", "changes", 6},
	{"a head with another author", "vault.db", `UPDATE head SET author = 'x' WHERE path = 'b'`, "p/b", "changes", 6},
	{"a head moved to another address", "vault.db", `UPDATE head SET path = 'c' WHERE path = 'b'`, "p/c", "", 0},
	{"a head removed", "vault.db", `DELETE FROM head WHERE path = 'b'`, "", "changes", 3},
	{"an entry edited", "vault.db", `UPDATE log SET service = 'nobody' WHERE seq = 5`, "", "changes", 5},
	{"an entry removed", "vault.db", `DELETE FROM log WHERE seq = 5`, "", "changes", 5},
	{"the last entry removed", "vault.db", `DELETE FROM log WHERE seq = 10`, "p/only", "changes", 10},
	{"an entry doubled", "vault.db", `INSERT INTO log SELECT 11, at, op, project, path, version, prev, author, description,
		expires, rotate_after, destroyed, service, via, request, remote, action, outcome, count, first, last, entry_at,
		seen, digest, mac, sealed FROM log WHERE seq = 10`, "", "changes", 11},
	{"a destroy forgotten", "vault.db", `UPDATE log SET destroyed = NULL WHERE seq = 9`, "", "changes", 9},
	{"a destroy of more than whole spans", "vault.db", `UPDATE log SET destroyed = CAST(destroyed || x'00' AS BLOB) WHERE seq = 9`, "", "changes", 9},
	{"an entry longer than any", "vault.db", `UPDATE log SET via = hex(zeroblob(40000)) WHERE seq = 5`, "", "changes", 5},
	{"a digest longer than any", "vault.db", `UPDATE log SET digest = zeroblob(300) WHERE seq = 3`, "", "changes", 3},
	{"a head longer than any", "vault.db", `UPDATE head SET author = hex(zeroblob(40000)) WHERE path = 'b'`, "p/b", "changes", 6},
	{"a project longer than any", "vault.db", `UPDATE project SET description = hex(zeroblob(40000)) WHERE name = 'p'`, "", "", 0},
	{"an access longer than any", "access.db", `UPDATE batch SET body = zeroblob(100000) WHERE seq = 2`, "", "access", 2},
	{"a project described", "vault.db", `UPDATE project SET description = 'x' WHERE name = 'p'`, "", "", 0},
	{"a default project by another number", "vault.db", `UPDATE project SET is_default = 2 WHERE is_default = 1`, "", "", 0},
	{"another default project", "vault.db", `UPDATE project SET is_default = 1 - is_default`, "", "", 0},
	{"a project removed", "vault.db", `DELETE FROM project WHERE name = 'p'`, "", "", 0},
	{"a data key exchanged", "vault.db", `UPDATE epoch SET wrapped = zeroblob(60)`, "p/a", "", 0},
	{"a data key removed", "vault.db", `DELETE FROM epoch`, "p/a", "", 0},
	{"a forged end of what was pruned", "access.db", `DELETE FROM batch WHERE seq < 3; INSERT INTO pruned SELECT 2, zeroblob(32), 0, zeroblob(32)`, "", "", 0},
	{"an end of what was pruned that is longer than any", "access.db", `INSERT INTO pruned SELECT 2, zeroblob(300), 0, zeroblob(32)`, "", "", 0},
	{"an access edited", "access.db", `UPDATE batch SET body = (SELECT body FROM batch WHERE seq = 1) WHERE seq = 2`, "", "access", 2},
	{"an access removed", "access.db", `DELETE FROM batch WHERE seq = 2`, "", "access", 2},
	{"the first access removed", "access.db", `DELETE FROM batch WHERE seq = 1`, "", "access", 1},
}

func exchange(a, b int) string {
	return fmt.Sprintf(`CREATE TEMP TABLE o AS SELECT seq, sealed FROM log;
		UPDATE log SET sealed = (SELECT o.sealed FROM o WHERE o.seq = %d - log.seq) WHERE seq IN (%d, %d)`, a+b, a, b)
}

func TestTampering(t *testing.T) {
	key := crypto.NewKey()
	original := storetest.Filled(t, key)
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			dir := storetest.Copied(t, original)
			r := storetest.OpenRaw(t, dir, c.file)
			r.Exec(c.sql)
			is.True(r.DB.Changes() > 0) // something was changed
			r.Close()
			if c.name == "the last entry removed" { // access.db remembers it
				_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
				is.True(errors.Is(err, myvault.ErrTampered))
				return
			}
			s := storetest.Open(t, dir, key)
			if c.get != "" {
				secret, err := s.Get(t.Context(), storetest.Addr(c.get), 0)
				is.True(errors.Is(err, myvault.ErrTampered))
				is.Equal(secret.Value.Len(), 0)
			}
			_, err := s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
			var bad *sqlite.BadEntry
			if c.seq == 0 {
				return
			}
			is.True(errors.As(err, &bad))
			is.Equal(bad.Chain, c.chain)
			is.Equal(bad.Seq, c.seq)
		})
	}
}

// TestEveryColumnIsAuthenticated checks that the MAC of an entry covers every column.
func TestEveryColumnIsAuthenticated(t *testing.T) {
	key := crypto.NewKey()
	original := storetest.Filled(t, key)
	for file, table := range map[string]string{"vault.db": "log", "access.db": "batch"} {
		r := storetest.OpenRaw(t, original, file)
		names := r.Blobs(`SELECT name FROM pragma_table_info('` + table + `')`)
		r.Close()
		for _, name := range names {
			column := string(name)
			t.Run(table+"."+column, func(t *testing.T) {
				is := is.New(t)
				dir := storetest.Copied(t, original)
				r := storetest.OpenRaw(t, dir, file)
				// A value of the column's type that no row has.
				r.Exec(`UPDATE ` + table + ` SET ` + column + ` = CASE (SELECT type FROM pragma_table_info('` + table + `')
					WHERE name = '` + column + `') WHEN 'TEXT' THEN 'another' WHEN 'INTEGER' THEN 77 ELSE x'00000000000000010000000000000007' END WHERE seq = 2`)
				r.Close()
				s := storetest.Open(t, dir, key)
				_, err := s.Verify(t.Context())
				var bad *sqlite.BadEntry
				is.True(errors.As(err, &bad))
				is.Equal(bad.Seq, uint64(2))
				if column == "seq" || column == "sealed" {
					return // Entries reads neither gaps nor records
				}
				err = nil
				for _, err = range s.Entries(t.Context(), myvault.TrailFilter{}) {
					if err != nil {
						break
					}
				}
				is.True(errors.Is(err, myvault.ErrTampered)) // the listing of entries
			})
		}
	}
}

func TestTamperedKeysAreRefused(t *testing.T) {
	key := crypto.NewKey()
	original := storetest.Filled(t, key)
	for name, want := range map[string]error{
		"vault": myvault.ErrWrongKey, "check": myvault.ErrWrongKey, "trail": myvault.ErrTampered, "incarnation": myvault.ErrTampered,
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := storetest.Copied(t, original)
			r := storetest.OpenRaw(t, dir, "vault.db")
			// Of the same size, with another first byte.
			r.Exec(`UPDATE meta SET value = unhex(CASE substr(hex(value), 1, 2) WHEN '00' THEN '01' ELSE '00' END || substr(hex(value), 3)) WHERE name = '` + name + `'`)
			r.Close()
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, want))
		})
	}
}

// TestGarbageIsTampering checks that a page of garbage is ErrTampered, not ErrUnavailable.
func TestGarbageIsTampering(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Filled(t, key)
	r := storetest.OpenRaw(t, dir, "vault.db")
	page, err := strconv.Atoi(string(r.Blobs(`SELECT rootpage FROM sqlite_schema WHERE name = 'head'`)[0]))
	is.NoErr(err)
	r.Close()
	f, err := os.OpenFile(filepath.Join(dir, "vault.db"), os.O_RDWR, 0)
	is.NoErr(err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), int64(page-1)*4096)
	is.NoErr(err)
	is.NoErr(f.Close())
	s := storetest.Open(t, dir, key)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrTampered))
	_, err = storetest.Apply(s, storetest.Put("p/a", "x"))
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestTriggersDoNotRun checks that triggers in a file never run, even on a connection that has not
// checked the schema.
func TestTriggersDoNotRun(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Filled(t, key)
	s := storetest.Open(t, dir, key)
	r := storetest.OpenRaw(t, dir, "vault.db")
	heads := len(r.Blobs(`SELECT path FROM head`))
	is.NoErr(storetest.RunByWriter(storetest.RoomsOf(s).Vault.Writer, `CREATE TRIGGER planted AFTER INSERT ON log BEGIN DELETE FROM head; UPDATE log SET sealed = NULL; END`))
	_, err := storetest.Apply(s, storetest.Put("p/new", "x"))
	is.NoErr(err)
	is.Equal(len(r.Blobs(`SELECT path FROM head`)), heads+1)
}

func TestTamperedProjectIsNotListed(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Filled(t, key)
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`UPDATE project SET description = 'x' WHERE name = 'q'`)
	s := storetest.Open(t, dir, key)
	var names []string
	var err error
	for p, e := range s.Projects(t.Context(), "") {
		if err = e; err == nil {
			names = append(names, p.Name)
		}
	}
	is.True(errors.Is(err, myvault.ErrTampered))
	is.Equal(names, nil) // a page is verified as a whole
	_, err = storetest.Apply(s, myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "q"}})
	is.True(errors.Is(err, myvault.ErrTampered))
}
