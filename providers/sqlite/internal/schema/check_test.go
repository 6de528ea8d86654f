package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestLostFileIsNotCreated checks that Open fails if a file is missing and others exist. A new
// empty store would hide the loss and use an old write-ahead log.
func TestLostFileIsNotCreated(t *testing.T) {
	key := crypto.NewKey()
	for name, c := range map[string]struct {
		of   func(testing.TB, crypto.Key) string
		keep []string
	}{
		"vault.db after a crash":           {storetest.Crashed, []string{"vault.db-wal", "vault.db-shm", "access.db", "access.db-wal", "access.db-shm"}},
		"vault.db after a clean end":       {storetest.Closed, []string{"access.db"}},
		"all but the log":                  {storetest.Crashed, []string{"vault.db-wal"}},
		"all but the log's index":          {storetest.Crashed, []string{"vault.db-shm"}},
		"all but the log of access.db":     {storetest.Crashed, []string{"access.db-wal"}},
		"access.db beside its log":         {storetest.Crashed, []string{"vault.db", "vault.db-wal", "vault.db-shm", "access.db-wal"}},
		"access.db beside its log's index": {storetest.Crashed, []string{"vault.db", "vault.db-wal", "vault.db-shm", "access.db-shm"}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := keeping(t, c.of(t, key), c.keep...)
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrMissing)
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(strings.Contains(err.Error(), "put it back"))
		})
	}
}

// TestHalfCreatedStoreOpens checks that Open completes a store whose creation stopped after the
// first file.
func TestHalfCreatedStoreOpens(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := keeping(t, storetest.Closed(t, key), "vault.db")
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`DELETE FROM meta WHERE name = 'access'`)
	r.Close()
	report, err := storetest.Open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(2))
	is.Equal(report.Accesses, uint64(0))
}

// TestHeadsDetectRemovedTrail checks that heads kept elsewhere detect a removed trail which
// vault.db no longer remembers. Without heads it looks like a half created store.
func TestHeadsDetectRemovedTrail(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	whole := storetest.Closed(t, key)
	s := storetest.Open(t, whole, key)
	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	is.NoErr(s.Close())
	dir := keeping(t, whole, "vault.db")
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`DELETE FROM meta WHERE name = 'access'`)
	r.Close()
	_, err = storetest.Open(t, dir, key).Verify(t.Context(), heads...)
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestLostTrailIsRefused checks that Open fails if the trail is gone, unless RenewTrail is set.
func TestLostTrailIsRefused(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := keeping(t, storetest.Closed(t, key), "vault.db")
	storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrMissing)
	_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.True(strings.Contains(err.Error(), "RenewTrail"))
	s := storetest.OpenWith(t, dir, key, sqlite.Config{RenewTrail: true})
	is.NoErr(s.Close())
	s = storetest.Open(t, dir, key) // RenewTrail is needed once only
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Action: "renew-trail"}) {
		is.NoErr(err)
		is.Equal(e.Seq, uint64(1)) // the first entry of the new trail
	}
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(1))
}

// TestTrailOfAnotherStoreIsRefused checks that the trail of another store is refused, even under
// the same key.
func TestTrailOfAnotherStoreIsRefused(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir, other := storetest.Closed(t, key), storetest.Closed(t, key)
	is.NoErr(os.Rename(filepath.Join(other, "access.db"), filepath.Join(dir, "access.db")))
	for _, c := range []sqlite.Config{{}, {RenewTrail: true}} {
		_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), c)
		is.True(errors.Is(err, sqlite.ErrForeign))
	}
	for sql, want := range map[string]error{
		`UPDATE meta SET value = zeroblob(48) WHERE name = 'access'`: myvault.ErrTampered,
		`DELETE FROM meta WHERE name = 'access'`:                     nil,
	} {
		dir := storetest.Closed(t, key)
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.NoErr(err)
		storetest.OpenRaw(t, dir, "vault.db").Exec(sql)
		_, err = s.Verify(t.Context())
		is.True(errors.Is(err, myvault.ErrTampered))
		is.NoErr(s.Close())
		s, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.True(errors.Is(err, want))
		if err == nil {
			is.NoErr(s.Close())
		}
	}
}

// TestTrailAloneMissesNothing checks that a trail without a store opens without vault.db.
func TestTrailAloneMissesNothing(t *testing.T) {
	is := is.New(t)
	key := sqlite.StaticKey(crypto.NewKey())
	dir := t.TempDir()
	for range 2 {
		trail, err := sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
		is.NoErr(err)
		is.NoErr(trail.Close())
	}
	storetest.Refused(t, dir, key, sqlite.ErrMissing) // by a store
	is.NoErr(os.Rename(filepath.Join(dir, "access.db"), filepath.Join(dir, "access.db-wal")))
	_, err := sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
	is.True(errors.Is(err, sqlite.ErrMissing)) // but a log without its file
}

// keeping removes every file of dir except those named.
func keeping(t *testing.T, dir string, names ...string) string {
	t.Helper()
	kept := 0
	for name := range storetest.Files(t, dir) {
		if strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			kept++
			continue
		}
		storetest.Must(t, os.Remove(filepath.Join(dir, name)))
	}
	if kept != len(names) {
		t.Fatalf("found %d of %q", kept, names)
	}
	return dir
}
