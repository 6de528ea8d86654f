package tamper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestVerifyFindsForeignSchema checks that Verify finds additions and changes of the schema.
func TestVerifyFindsForeignSchema(t *testing.T) {
	key := crypto.NewKey()
	original := storetest.Filled(t, key)
	for name, c := range map[string]struct{ file, sql string }{
		"an index":              {"vault.db", `CREATE INDEX planted ON head(project, path) WHERE state = 1`},
		"a trigger":             {"vault.db", `CREATE TRIGGER planted AFTER INSERT ON log BEGIN DELETE FROM head; END`},
		"a view":                {"vault.db", `CREATE VIEW planted AS SELECT * FROM head`},
		"a table":               {"vault.db", `CREATE TABLE planted(x)`},
		"statistics":            {"vault.db", `ANALYZE`},
		"an index removed":      {"vault.db", `DROP INDEX head_gone`},
		"an index of less":      {"vault.db", `DROP INDEX head_gone; CREATE INDEX head_gone ON head(project, path) WHERE state = 2`},
		"a column":              {"vault.db", `ALTER TABLE log ADD COLUMN planted TEXT`},
		"a table of the trail":  {"access.db", `CREATE TABLE planted(x)`},
		"an index of the trail": {"access.db", `CREATE INDEX planted ON batch(seq) WHERE seq > 2`},
		"a text with a comment": {"access.db", `PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = sql || ' -- planted' WHERE name = 'batch'`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := storetest.Copied(t, original)
			s := storetest.Open(t, dir, key)
			r := storetest.OpenRaw(t, dir, c.file)
			r.Exec(c.sql)
			r.Close()
			_, err := s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
			is.True(strings.Contains(err.Error(), c.file))
			is.True(!strings.Contains(err.Error(), "planted")) // a name chosen by an attacker may contain anything
		})
	}
}

// TestVerifyFindsDoctoredIndex checks that Verify finds an index that omits a row although its
// definition is right. Such an index hides a secret from List.
func TestVerifyFindsDoctoredIndex(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", "x"), storetest.On(myvault.OpDelete, "p/a"), storetest.On(myvault.OpDelete, "p/b"))
	is.NoErr(err)
	is.NoErr(s.Close())
	for _, sql := range []string{
		`PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'state <> 1', 'path <> ''a''') WHERE name = 'head_gone'`,
		`REINDEX head_gone`,
		`PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'path <> ''a''', 'state <> 1') WHERE name = 'head_gone'`,
	} {
		r := storetest.OpenRaw(t, dir, "vault.db") // it reads the schema again
		r.Exec(sql)
		r.Close()
	}
	s = storetest.Open(t, dir, key)
	listed := 0
	for _, err := range s.List(t.Context(), myvault.ListOptions{Deleted: true}) {
		is.NoErr(err)
		listed++
	}
	is.Equal(listed, 1) // the secret is hidden; a read cannot detect that
	_, err = s.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrTampered))
	is.True(strings.Contains(err.Error(), "vault.db"))
}

// TestVerifyOfEpochs checks that Verify requires an epoch in every store, and epochs in order.
func TestVerifyOfEpochs(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := t.TempDir()
	s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithEpochLimit(2))
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`CREATE TEMP TABLE kept AS SELECT * FROM epoch; DELETE FROM epoch`)
	_, err := s.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrTampered))
	r.Exec(`INSERT INTO epoch SELECT * FROM kept`)
	for range 6 {
		_, err = storetest.Apply(s, storetest.Put("p/a", "x"))
		is.NoErr(err)
	}
	_, err = s.Verify(t.Context())
	is.NoErr(err) // three epochs
	for _, sql := range []string{
		`UPDATE epoch SET first = 1 WHERE epoch = 2`, `UPDATE epoch SET first = 2 WHERE epoch = 3`,
		`UPDATE epoch SET first = 8 WHERE epoch = 3`, `UPDATE epoch SET first = 2 WHERE epoch = 1`,
		`UPDATE epoch SET epoch = 4 WHERE epoch = 3`, `DELETE FROM epoch WHERE epoch = 2`,
	} {
		r.Exec(`DELETE FROM kept; INSERT INTO kept SELECT * FROM epoch`)
		r.Exec(sql)
		_, err = s.Verify(t.Context())
		is.True(errors.Is(err, myvault.ErrTampered))
		r.Exec(`DELETE FROM epoch; INSERT INTO epoch SELECT * FROM kept`)
		_, err = s.Verify(t.Context())
		is.NoErr(err)
	}
}

// TestVerifyOfNewerFile checks that Verify detects files migrated by a newer program while they
// are open.
func TestVerifyOfNewerFile(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	storetest.OpenRaw(t, dir, "vault.db").Exec(`PRAGMA user_version = 3`)
	_, err := s.Verify(t.Context())
	is.True(errors.Is(err, sqlite.ErrNewer))
}

// TestVerifyReadsTheKeysAgain checks that Verify compares the keys in the files with those in
// memory: the store could not be opened again with others.
func TestVerifyReadsTheKeysAgain(t *testing.T) {
	for name, c := range map[string]struct{ file, sql string }{
		"a data key zeroed":          {"vault.db", `UPDATE epoch SET wrapped = zeroblob(60) WHERE epoch = 1`},
		"a data key removed":         {"vault.db", `DELETE FROM epoch WHERE epoch = 1`},
		"an unused data key zeroed":  {"vault.db", `INSERT INTO epoch VALUES(2, zeroblob(60), 2, 0)`},
		"an epoch of the future":     {"vault.db", `UPDATE epoch SET first = 1000 WHERE epoch = 1`},
		"an epoch before all":        {"vault.db", `UPDATE epoch SET first = -1000 WHERE epoch = 1`},
		"an epoch of another number": {"vault.db", `UPDATE epoch SET epoch = 4294967297`},
		"the vault id":               {"vault.db", `UPDATE meta SET value = zeroblob(16) WHERE name = 'vault'`},
		"the check value":            {"vault.db", `UPDATE meta SET value = zeroblob(32) WHERE name = 'check'`},
		"the trail key":              {"vault.db", `UPDATE meta SET value = zeroblob(60) WHERE name = 'trail'`},
		"the trail key removed":      {"vault.db", `DELETE FROM meta WHERE name = 'trail'`},
		"the incarnation":            {"vault.db", `UPDATE meta SET value = zeroblob(40) WHERE name = 'incarnation'`},
		"another row":                {"vault.db", `INSERT INTO meta VALUES('planted', x'00')`},
		"the trail's vault id":       {"access.db", `UPDATE meta SET value = zeroblob(16) WHERE name = 'vault'`},
		"the trail's check value":    {"access.db", `UPDATE meta SET value = zeroblob(32) WHERE name = 'check'`},
		"the trail's trail key":      {"access.db", `UPDATE meta SET value = zeroblob(60) WHERE name = 'trail'`},
		"the version":                {"vault.db", `PRAGMA user_version = 0`},
		"the kind":                   {"access.db", `PRAGMA application_id = 1`},
		"a data key of the trail":    {"access.db", `INSERT INTO epoch VALUES(1, zeroblob(60), 1, 0)`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.Open(t, dir, key)
			_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
			is.NoErr(err)
			is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
			_, err = s.Verify(t.Context())
			is.NoErr(err)
			storetest.OpenRaw(t, dir, c.file).Exec(c.sql)
			_, err = s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}
