package wal_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// holdSnapshot starts a read transaction on a second connection, which keeps the write-ahead log
// from being truncated.
func holdSnapshot(t *testing.T, dir string) (release func()) {
	t.Helper()
	db, err := sqlite3.Open(filepath.Join(dir, "vault.db"))
	storetest.Must(t, err)
	storetest.Must(t, db.Exec(`BEGIN; SELECT count(*) FROM log`))
	return func() { storetest.Must(t, db.Close()) }
}

// TestStoreSurvivesBrokenConnection checks that changes go on after a destroy whose old bytes
// cannot be removed. The destroy closes its connection; the next one must find the same log.
func TestStoreSurvivesBrokenConnection(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/q", "v"))
	is.NoErr(err)
	release := holdSnapshot(t, dir)
	_, err = storetest.Apply(s, storetest.Put("p/q", "w"))
	is.NoErr(err)
	_, err = storetest.Apply(s, myvault.Change{Op: myvault.OpDestroy, Address: myvault.Address{Project: "p", Path: "q"}, Versions: []myvault.Version{1}})
	is.True(errors.Is(err, myvault.ErrUnknownOutcome)) // the snapshot still reads the old bytes
	release()
	for range 3 {
		_, err = storetest.Apply(s, storetest.Put("p/q", "x"))
		is.NoErr(err)
	}
	_, err = s.Get(t.Context(), myvault.Address{Project: "p", Path: "q"}, 0)
	is.NoErr(err)
	is.NoErr(s.Ping(t.Context()))
}

// TestDestroysShareScrub checks that several destroys in one commit wait once for the old bytes
// to be removed.
func TestDestroysShareScrub(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	for i := range 4 {
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprint("p/", i), "v"))
		is.NoErr(err)
	}
	defer holdSnapshot(t, dir)()
	_, err := storetest.Apply(s, storetest.Put("p/warm", "v"))
	is.NoErr(err)
	waits := storetest.RoomsOf(s).Vault.Writer.CountScrubs()
	var destroys []func()
	for i := range 4 {
		destroys = append(destroys, func() {
			_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, fmt.Sprint("p/", i)))
			if !errors.Is(err, myvault.ErrUnknownOutcome) {
				t.Error(err)
			}
		})
	}
	storetest.OneTransaction(t.Context(), storetest.RoomsOf(s).Vault.Writer, destroys...)
	is.Equal(waits.Load(), int64(1))
}
