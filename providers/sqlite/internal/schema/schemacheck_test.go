package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// The digests that files are compared with are those of the schemas that are made.
func TestSchemaDigests(t *testing.T) {
	is := is.New(t)
	expected, made, err := schema.Digests()
	is.NoErr(err)
	is.Equal(expected, made)
}

const rename = `PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, `

// planted are changes of a schema that alter the meaning of this package's statements, or that
// this package never makes.
var planted = map[string]struct{ file, sql string }{
	"a batch that ignores inserts": {"access.db", `ALTER TABLE batch RENAME TO kept;
		CREATE TABLE batch(seq INTEGER PRIMARY KEY, body BLOB NOT NULL, x INTEGER DEFAULT 0 UNIQUE ON CONFLICT IGNORE) STRICT;
		INSERT INTO batch(seq, body) SELECT seq, body FROM kept ORDER BY seq DESC LIMIT 1; DROP TABLE kept`},
	"a batch that replaces":      {"access.db", rename + `'seq  INTEGER PRIMARY KEY', 'seq INTEGER PRIMARY KEY ON CONFLICT REPLACE') WHERE name = 'batch'`},
	"a check":                    {"access.db", rename + `'BLOB NOT NULL', 'BLOB NOT NULL CHECK(length(body) < 9)') WHERE name = 'batch'`},
	"a generated column":         {"access.db", `ALTER TABLE batch ADD COLUMN planted INTEGER GENERATED ALWAYS AS (seq) VIRTUAL`},
	"a default":                  {"access.db", `ALTER TABLE pruned ADD COLUMN planted INTEGER DEFAULT 1`},
	"a view for a table":         {"access.db", `ALTER TABLE batch RENAME TO kept; CREATE VIEW batch AS SELECT * FROM kept`},
	"a trigger that deletes":     {"access.db", `CREATE TRIGGER planted AFTER INSERT ON batch BEGIN DELETE FROM batch WHERE seq = NEW.seq; END`},
	"a trigger of a view":        {"vault.db", `CREATE VIEW planted AS SELECT * FROM head; CREATE TRIGGER planted2 INSTEAD OF INSERT ON planted BEGIN SELECT 1; END`},
	"an index that ignores":      {"vault.db", `CREATE UNIQUE INDEX planted ON head(value_seq) WHERE state = 2`},
	"a collation":                {"vault.db", rename + `'path         TEXT NOT NULL', 'path TEXT NOT NULL COLLATE NOCASE') WHERE name = 'head'`},
	"a table that is not strict": {"vault.db", rename + `'STRICT', '') WHERE name = 'log'`},
	"statistics":                 {"vault.db", `ANALYZE`},
	"statistics that mislead":    {"vault.db", `ANALYZE; UPDATE sqlite_stat1 SET stat = '1 1 1'`},
	"an index removed":           {"vault.db", `DROP INDEX head_gone`},
	"a partial index of less":    {"vault.db", `DROP INDEX head_gone; CREATE INDEX head_gone ON head(project, path) WHERE state = 2`},
	"a column":                   {"vault.db", `ALTER TABLE log ADD COLUMN planted TEXT`},
	"a foreign key":              {"vault.db", `CREATE TABLE planted(x REFERENCES head(project) ON DELETE CASCADE)`},
	"a virtual table":            {"vault.db", `CREATE VIRTUAL TABLE planted USING fts5(x)`},
	"a comment":                  {"vault.db", `PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = sql || ' -- planted' WHERE name = 'project'`},
	"the version of before":      {"vault.db", `PRAGMA user_version = 1`},
	"no version":                 {"access.db", `PRAGMA user_version = 0`},
	"a version below all":        {"access.db", `PRAGMA user_version = -1`},
	"a file that shrinks":        {"access.db", `PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = FULL; VACUUM; PRAGMA journal_mode = WAL`},
}

// TestOpenRefusesPlantedSchema checks that a store whose schema was changed is not opened, and that
// its files stay unchanged.
func TestOpenRefusesPlantedSchema(t *testing.T) {
	key := crypto.NewKey()
	original := storetest.Filled(t, key)
	for name, c := range planted {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := storetest.Copied(t, original)
			r := storetest.OpenRaw(t, dir, c.file)
			if err := r.DB.Exec(c.sql); err != nil && strings.Contains(c.sql, "VIRTUAL") {
				t.Skip("SQLite has no such module")
			} else {
				is.NoErr(err)
			}
			r.Close()
			before := storetest.Files(t, dir)
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, myvault.ErrTampered))
			is.True(strings.Contains(err.Error(), c.file))
			is.True(!strings.Contains(err.Error(), "planted")) // it may contain anything
			is.Equal(storetest.Files(t, dir), before)
		})
	}
}

// TestPlantedSchemaOfTrail checks the same for a trail without a store.
func TestPlantedSchemaOfTrail(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	trail, err := sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
	is.NoErr(err)
	storetest.Record(t, trail, 1)
	is.NoErr(trail.Close())
	r := storetest.OpenRaw(t, dir, "access.db")
	r.Exec(planted["a batch that ignores inserts"].sql)
	r.Close()
	_, err = sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestPlantedSchemaWhileOpen checks that a schema changed under an open store stops writes to that
// file and makes Ping fail.
func TestPlantedSchemaWhileOpen(t *testing.T) {
	for name, c := range planted {
		if strings.Contains(c.sql, "journal_mode") || strings.Contains(c.sql, "VIRTUAL TABLE") {
			continue // no other process can do that to an open store
		}
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := storetest.Open(t, dir, crypto.NewKey())
			_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
			is.NoErr(err)
			storetest.Record(t, s, 3)
			is.NoErr(s.Ping(t.Context()))
			storetest.OpenRaw(t, dir, c.file).Exec(c.sql)
			is.True(errors.Is(s.Ping(t.Context()), myvault.ErrTampered))
			_, err = s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
			if strings.Contains(c.sql, "writable_schema") || strings.Contains(c.sql, "user_version") {
				return // an open store continues with the schema it has read
			}
			if c.file == "access.db" {
				err = s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At})
			} else {
				_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
			}
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// TestPlantedSchemaVersionReset resets the number by which SQLite detects a change of the schema.
// Open connections continue with the schema they have read; later ones detect the change.
func TestPlantedSchemaVersionReset(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	storetest.Record(t, s, 3)
	r := storetest.OpenRaw(t, dir, "access.db")
	number, err := schemaNumber(s)
	is.NoErr(err)
	r.Exec(planted["a batch that ignores inserts"].sql)
	r.Exec(`PRAGMA schema_version = ` + number)
	if err := s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}); err == nil {
		n := len(r.Accesses()) // the entry is there
		is.Equal(n, 2)
	} else {
		is.True(errors.Is(err, myvault.ErrTampered) || errors.Is(err, myvault.ErrUnavailable))
	}
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestDetectedSchemaVersionReset checks that a connection that has detected a planted schema keeps
// refusing it after the number is reset.
func TestDetectedSchemaVersionReset(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	storetest.Record(t, s, 3)
	r := storetest.OpenRaw(t, dir, "access.db")
	number, err := schemaNumber(s)
	is.NoErr(err)
	r.Exec(`CREATE INDEX planted ON batch(seq) WHERE body = x'00'`)
	_, err = schemaNumber(s)
	is.True(errors.Is(err, myvault.ErrTampered))
	r.Exec(`PRAGMA schema_version = ` + number)
	_, err = schemaNumber(s)
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestWriteChangesOneRow checks that a write that changes no row, or more than one, fails.
func TestWriteChangesOneRow(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", "x"))
	is.NoErr(err)
	for sql, want := range map[string]error{
		`INSERT OR IGNORE INTO meta(name, value) VALUES('vault', x'00')`:    myvault.ErrTampered,
		`INSERT INTO meta(name, value) SELECT name || '2', value FROM meta`: myvault.ErrTampered,
		`UPDATE log SET at = at`:               myvault.ErrTampered,
		`UPDATE log SET at = at WHERE seq = 9`: myvault.ErrTampered,
		`UPDATE log SET at = at WHERE seq = 1`: nil,
	} {
		is.True(errors.Is(runStatement(s, sql), want))
	}
	_, err = s.Verify(t.Context())
	is.NoErr(err) // failed writes were rolled back
}

// TestPlantedSchemaIsNotMigrated checks that an older file with a planted schema is not migrated.
func TestPlantedSchemaIsNotMigrated(t *testing.T) {
	for name, c := range map[string]struct{ file, sql string }{
		"a trigger": {"access.db", `CREATE TRIGGER planted AFTER INSERT ON batch BEGIN DELETE FROM batch; END`},
		"a default": {"access.db", `ALTER TABLE single ADD COLUMN planted INTEGER DEFAULT 1`},
		"a table":   {"access.db", `CREATE TABLE planted(x)`},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := storetest.Released(t, "format-3")
			r := storetest.OpenRaw(t, dir, c.file)
			r.Exec(c.sql)
			r.Close()
			before := storetest.Files(t, dir)
			key, err := crypto.ParseKey(storetest.ReleasedKey)
			is.NoErr(err)
			_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, myvault.ErrTampered))
			is.Equal(storetest.Files(t, dir), before)
		})
	}
}

// schemaNumber returns PRAGMA schema_version of the trail's file.
func schemaNumber(s *sqlite.Store) (number string, err error) {
	err = storetest.RoomsOf(s).Trail.File.Readers.Read(context.Background(), func(c *db.Conn) (err error) {
		number, err = c.Pragma("schema_version")
		return err
	})
	return number, err
}

// runStatement has the writer run a statement as the store runs its own.
func runStatement(s *sqlite.Store, sql string) error {
	return storetest.RoomsOf(s).Vault.Writer.Do(context.Background(), &wal.Request{Apply: func(c *db.Conn) error { return c.Run(sql) }})
}
