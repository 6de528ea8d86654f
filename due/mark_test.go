package due_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// marks counts the records of the package.
func marks(t *testing.T, v *myvault.Vault) (n int) {
	t.Helper()
	records, err := v.Extend("due")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range records.ListRecords(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// Marks are removed after their versions were replaced or destroyed. A deleted version keeps its
// marks.
func TestMarksAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		root := v.As("root")
		at := func(path string) myvault.Address { return myvault.Address{Project: "newsbot", Path: path} }
		deep := "1/2/3/4/5/6/7/8"
		for _, path := range []string{"prod/stays", "prod/deleted", "prod/destroyed", "prod/updated", deep} {
			put(t, v, at(path), -time.Second, 0)
		}
		var l notices
		w := start(t, v, "root", &l)
		time.Sleep(time.Minute)
		is.Equal(len(l.lines()), 5)
		is.Equal(marks(t, v), 5)
		is.NoErr(root.Delete(t.Context(), at("prod/deleted")))
		is.NoErr(root.Destroy(t.Context(), at("prod/destroyed")))
		put(t, v, at("prod/updated"), 0, 0)
		put(t, v, at(deep), 0, 0)
		time.Sleep(20 * time.Hour)
		is.Equal(marks(t, v), 5) // not yet: another process may be about to write one
		time.Sleep(10 * time.Hour)
		is.Equal(marks(t, v), 2)
		_, err := root.Undelete(t.Context(), at("prod/deleted"))
		is.NoErr(err)
		time.Sleep(30 * time.Hour)
		is.Equal(len(l.lines()), 5) // no notice is repeated
		is.Equal(marks(t, v), 2)
		is.Equal(l.errors, nil)
		is.NoErr(w.Close())

		// A session that sees only some secrets leaves the marks of others.
		put(t, v, at("dev/x"), -time.Second, 0)
		w = start(t, v, "root", &l)
		time.Sleep(time.Minute)
		is.NoErr(w.Close())
		is.Equal(marks(t, v), 3)
		put(t, v, at("dev/x"), 0, 0)
		w = start(t, v, "part", &l)
		time.Sleep(50 * time.Hour)
		is.NoErr(w.Close())
		is.Equal(marks(t, v), 3)
		for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Service: "part"}) {
			is.NoErr(err)
			is.Equal(e.Outcome, myvault.OutcomeOK) // no call was denied
		}
	})
}

// Errors of the store are reported, and the next scan tries again.
func TestStoreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &failingApply{Provider: memory.New(memory.Config{})}
		v := vaultOn(t, store, nil)
		defer v.Close()
		put(t, v, db, -time.Second, 0)
		store.set(true)
		var l notices
		w := start(t, v, "root", &l)
		time.Sleep(10 * time.Minute)
		is.Equal(l.lines(), nil) // no event, no call
		is.True(len(l.errors) >= 2)
		is.True(errors.Is(l.errors[0], myvault.ErrUnavailable))
		store.set(false)
		time.Sleep(10 * time.Minute)
		is.NoErr(w.Close())
		is.Equal(len(l.lines()), 1)
		is.Equal(len(events(t, v)), 1)
	})
}
