package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// aging makes a store and returns two states of its closed directory: a copy made halfway, and
// the directory itself with more changes and entries.
func aging(t *testing.T, key crypto.Key) (older, newer string) {
	t.Helper()
	dir := t.TempDir()
	for round := range 2 {
		s := storetest.Open(t, dir, key)
		_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
		storetest.Must(t, err)
		storetest.Record(t, s, 3)
		storetest.Synced(t, s)
		_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
		storetest.Must(t, err)
		storetest.Record(t, s, 1)
		storetest.Must(t, s.Close())
		if round == 0 {
			older = storetest.Copied(t, dir)
		}
	}
	return older, dir
}

// TestOneFileRestoredAlone checks that opening fails if one of the two files is an older copy.
func TestOneFileRestoredAlone(t *testing.T) {
	key := crypto.NewKey()
	for _, name := range []string{"vault.db", "access.db"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			older, dir := aging(t, key)
			content, err := os.ReadFile(filepath.Join(older, name))
			is.NoErr(err)
			is.NoErr(os.WriteFile(filepath.Join(dir, name), content, 0o600))
			_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, myvault.ErrTampered))
			_, err = storetest.Open(t, older, key).Verify(t.Context()) // two older copies are a consistent store
			is.NoErr(err)
			// Recovery is the same as for a missing access.db.
			is.NoErr(os.Remove(filepath.Join(dir, "access.db")))
			s := storetest.OpenWith(t, dir, key, sqlite.Config{RenewTrail: true, Trail: storetest.KeepEntries})
			_, err = s.Verify(t.Context())
			is.NoErr(err)
			_, err = storetest.Apply(s, storetest.Put("p/a", "z"))
			is.NoErr(err)
			is.NoErr(s.Close())
			s = storetest.Open(t, dir, key)
			_, err = s.Verify(t.Context())
			is.NoErr(err)
		})
	}
}

// TestTruncatedChainIsDetected checks that each chain detects rows missing from the end of the
// other.
func TestTruncatedChainIsDetected(t *testing.T) {
	key := crypto.NewKey()
	for name, c := range map[string]struct{ file, sql, chain string }{
		"changes": {"vault.db", `DELETE FROM log WHERE seq > 2; DELETE FROM head`, myvault.ChainAccess},
		"entries": {"access.db", `DELETE FROM batch WHERE seq > 4`, myvault.ChainChanges},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, dir := aging(t, key)
			r := storetest.OpenRaw(t, dir, c.file)
			r.Exec(c.sql)
			r.Close()
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// TestVerifyComparesChains checks that Verify finds an entry in the middle of one chain whose
// count of the other chain is wrong.
func TestVerifyComparesChains(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.NoErr(err)
	storetest.Record(t, s, 1)
	s.Claim(9)
	storetest.Record(t, s, 1)
	s.Claim(1)
	storetest.Record(t, s, 1)
	_, err = s.Verify(t.Context())
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Chain, myvault.ChainAccess)
	is.Equal(bad.Seq, uint64(2))
}

// TestTruncatedChainWhileOpen checks that a store stops once a chain is shorter than it was.
func TestTruncatedChainWhileOpen(t *testing.T) {
	for _, c := range []struct{ file, sql string }{
		{"vault.db", `DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)`},
		{"vault.db", `UPDATE log SET mac = zeroblob(32) WHERE seq = (SELECT max(seq) FROM log)`},
		{"access.db", `DELETE FROM batch WHERE seq = (SELECT max(seq) FROM batch)`},
	} {
		t.Run(c.sql, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := storetest.Open(t, dir, crypto.NewKey())
			for range 2 {
				_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
				is.NoErr(err)
				storetest.Record(t, s, 1)
			}
			storetest.OpenRaw(t, dir, c.file).Exec(c.sql)
			for range 2 {
				var err error
				if c.file == "access.db" {
					err = s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At})
				} else {
					_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
				}
				is.True(errors.Is(err, myvault.ErrTampered))
				is.True(errors.Is(s.Ping(t.Context()), myvault.ErrTampered))
			}
		})
	}
}

// TestNoReadFromTruncatedLog checks that a read fails once the log is shorter than it was.
func TestNoReadFromTruncatedLog(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", "x"))
	is.NoErr(err)
	storetest.OpenRaw(t, dir, "vault.db").Exec(`DELETE FROM log WHERE seq = 2`)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestChangeCountsSyncedEntries checks that a change counts only entries that are on the disk: a
// power cut may lose the others.
func TestChangeCountsSyncedEntries(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	hold := make(chan struct{})
	s := storetest.OpenWith(t, dir, crypto.NewKey(), storetest.OptionsOf(sqlite.Config{Trail: storetest.KeepEntries}).WithSync(func(string) error {
		<-hold
		return nil
	}))
	storetest.Record(t, s, 3)
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.NoErr(err)
	close(hold)
	storetest.Synced(t, s)
	_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
	is.NoErr(err)
	known := storetest.OpenRaw(t, dir, "vault.db").Blobs(`SELECT CAST(coalesce(seen, 0) AS TEXT) FROM log ORDER BY seq`)
	is.Equal(string(known[0]), "0")
	is.Equal(string(known[1]), "3")
}
