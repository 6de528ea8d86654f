package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestHistoryHasEveryValue checks that History returns the same versions as Versions, with
// values, including those of deleted versions.
func TestHistoryHasEveryValue(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	const versions = 600 // more than two pages of log rows
	for n := range versions {
		changes := []myvault.Change{storetest.Put("p/a", fmt.Sprint(n+1))}
		switch n % 3 {
		case 1:
			changes = append(changes, storetest.On(myvault.OpDelete, "p/a"))
		case 2:
			changes = append(changes, storetest.On(myvault.OpDestroy, "p/a", myvault.Version(n+1)))
		}
		_, err := storetest.Apply(s, changes...)
		is.NoErr(err)
	}
	var infos []myvault.Info
	for info, err := range s.Versions(t.Context(), storetest.Addr("p/a"), 0) {
		is.NoErr(err)
		infos = append(infos, info)
	}
	n := 0
	for secret, err := range s.History(t.Context(), storetest.Addr("p/a")) {
		is.NoErr(err)
		is.Equal(secret.Info, infos[n])
		want := fmt.Sprint(secret.Version)
		if secret.State == myvault.Destroyed {
			want = ""
		}
		is.Equal(secret.Value.Reveal(), want)
		n++
	}
	is.Equal(n, versions)
	for _, err := range s.History(t.Context(), storetest.Addr("p/never")) {
		is.True(errors.Is(err, myvault.ErrNotFound))
	}
	projects, kept := s.Limits()
	is.Equal(projects, myvault.MaxProjects)
	is.Equal(kept, 0)
}

// TestHistoryDuringDestroy checks that a destroy during the iteration returns ErrUnavailable, not
// ErrTampered as a removed record does.
func TestHistoryDuringDestroy(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	for n := range 8 { // two pages: one ends after 1 MiB
		_, err := storetest.Apply(s, storetest.Put("p/a", strings.Repeat(fmt.Sprint(n), 300<<10)))
		is.NoErr(err)
	}
	var errs []error
	for secret, err := range s.History(t.Context(), storetest.Addr("p/a")) {
		if secret.Version == 8 {
			_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 1))
			is.NoErr(err)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	is.Equal(len(errs), 1)
	is.True(errors.Is(errs[0], myvault.ErrUnavailable)) // the caller can retry
	n := 0
	for _, err := range s.History(t.Context(), storetest.Addr("p/a")) {
		is.NoErr(err)
		n++
	}
	is.Equal(n, 8)
}

func TestHistoryDetectsRemovedValue(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "1"), storetest.Put("p/a", "2"))
	is.NoErr(err)
	is.NoErr(s.Close())
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`UPDATE log SET sealed = NULL WHERE version = 1`)
	r.Close()
	s = storetest.Open(t, dir, key)
	var last error
	for _, err := range s.History(t.Context(), storetest.Addr("p/a")) {
		last = err
	}
	is.True(errors.Is(last, myvault.ErrTampered))
}
