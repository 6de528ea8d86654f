package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// TestHistoryHasEveryValue checks that History returns the same versions as Versions, with
// values, including those of deleted versions.
func TestHistoryHasEveryValue(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	const versions = 600 // more than two pages of log rows
	for n := range versions {
		changes := []myvault.Change{put("p/a", fmt.Sprint(n+1))}
		switch n % 3 {
		case 1:
			changes = append(changes, on(myvault.OpDelete, "p/a"))
		case 2:
			changes = append(changes, on(myvault.OpDestroy, "p/a", myvault.Version(n+1)))
		}
		_, err := apply(s, changes...)
		is.NoErr(err)
	}
	var infos []myvault.Info
	for info, err := range s.Versions(t.Context(), addr("p/a"), 0) {
		is.NoErr(err)
		infos = append(infos, info)
	}
	n := 0
	for secret, err := range s.History(t.Context(), addr("p/a")) {
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
	for _, err := range s.History(t.Context(), addr("p/never")) {
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
	s := open(t, t.TempDir(), crypto.NewKey())
	for n := range 8 { // two pages: one ends after 1 MiB
		_, err := apply(s, put("p/a", strings.Repeat(fmt.Sprint(n), 300<<10)))
		is.NoErr(err)
	}
	var errs []error
	for secret, err := range s.History(t.Context(), addr("p/a")) {
		if secret.Version == 8 {
			_, err := apply(s, on(myvault.OpDestroy, "p/a", 1))
			is.NoErr(err)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	is.Equal(len(errs), 1)
	is.True(errors.Is(errs[0], myvault.ErrUnavailable)) // the caller can retry
	n := 0
	for _, err := range s.History(t.Context(), addr("p/a")) {
		is.NoErr(err)
		n++
	}
	is.Equal(n, 8)
}

func TestHistoryDetectsRemovedValue(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	_, err := apply(s, put("p/a", "1"), put("p/a", "2"))
	is.NoErr(err)
	is.NoErr(s.Close())
	r := rawOpen(t, dir, "vault.db")
	r.exec(`UPDATE log SET sealed = NULL WHERE version = 1`)
	r.close()
	s = open(t, dir, key)
	var last error
	for _, err := range s.History(t.Context(), addr("p/a")) {
		last = err
	}
	is.True(errors.Is(last, myvault.ErrTampered))
}
