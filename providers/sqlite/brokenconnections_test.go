package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// holdSnapshot starts a read transaction on a second connection, which keeps the write-ahead log
// from being truncated.
func holdSnapshot(t *testing.T, dir string) (release func()) {
	t.Helper()
	db, err := sqlite3.Open(filepath.Join(dir, "vault.db"))
	must(t, err)
	must(t, db.Exec(`BEGIN; SELECT count(*) FROM log`))
	return func() { must(t, db.Close()) }
}

// TestStoreSurvivesBrokenConnection checks that changes go on after a destroy whose old bytes
// cannot be removed. The destroy closes its connection; the next one must find the same log.
func TestStoreSurvivesBrokenConnection(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	_, err := apply(s, put("p/q", "v"))
	is.NoErr(err)
	release := holdSnapshot(t, dir)
	_, err = apply(s, put("p/q", "w"))
	is.NoErr(err)
	_, err = apply(s, myvault.Change{Op: myvault.OpDestroy, Address: myvault.Address{Project: "p", Path: "q"}, Versions: []myvault.Version{1}})
	is.True(errors.Is(err, myvault.ErrUnknownOutcome)) // the snapshot still reads the old bytes
	release()
	for range 3 {
		_, err = apply(s, put("p/q", "x"))
		is.NoErr(err)
	}
	_, err = s.Get(t.Context(), myvault.Address{Project: "p", Path: "q"}, 0)
	is.NoErr(err)
	is.NoErr(s.Ping(t.Context()))
}

// TestDestroysShareScrub checks that several destroys in one commit wait once for the old bytes
// to be removed.
func TestDestroysShareScrub(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	for i := range 4 {
		_, err := apply(s, put(fmt.Sprint("p/", i), "v"))
		is.NoErr(err)
	}
	defer holdSnapshot(t, dir)()
	_, err := apply(s, put("p/warm", "v"))
	is.NoErr(err)
	waits := s.CountScrubs()
	var destroys []func()
	for i := range 4 {
		destroys = append(destroys, func() {
			_, err := apply(s, on(myvault.OpDestroy, fmt.Sprint("p/", i)))
			if !errors.Is(err, myvault.ErrUnknownOutcome) {
				t.Error(err)
			}
		})
	}
	s.ChangesTogether(t.Context(), destroys...)
	is.Equal(waits.Load(), int64(1))
}
