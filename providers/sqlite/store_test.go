package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 123000, time.UTC)

func addr(s string) myvault.Address {
	a, err := myvault.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// open opens a store without automatic pruning and closes it with the test.
func open(t testing.TB, dir string, key crypto.Key) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{Trail: keepEntries})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func apply(s *sqlite.Store, changes ...myvault.Change) ([]myvault.Info, error) {
	return s.Apply(context.Background(), myvault.Commit{Changes: changes, By: "tester", At: at})
}

func put(where, value string, conditions ...myvault.Condition) myvault.Change {
	c := myvault.Change{Op: myvault.OpPut, Address: addr(where), Value: myvault.Text(value)}
	if len(conditions) > 0 {
		c.If = conditions[0]
	}
	return c
}

func on(op myvault.Op, where string, versions ...myvault.Version) myvault.Change {
	return myvault.Change{Op: op, Address: addr(where), Versions: versions}
}

func TestPutGetList(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	infos, err := apply(s, put("news/prod/db", "one"), put("news/prod/db", "two"), put("news/prod", "x"), put("news/prod-x", "y"))
	is.NoErr(err)
	is.Equal(infos[1].Version, myvault.Version(2))

	secret, err := s.Get(t.Context(), addr("news/prod/db"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	is.Equal(secret.Info, myvault.Info{Address: addr("news/prod/db"), Version: 2, State: myvault.Live, At: at.Truncate(time.Microsecond), By: "tester"})
	secret, err = s.Get(t.Context(), addr("news/prod/db"), 1)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	_, err = s.Get(t.Context(), addr("news/prod/db"), 3)
	is.True(errors.Is(err, myvault.ErrNotFound))

	var got []string
	for info, err := range s.List(t.Context(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "news", Path: "prod"}}) {
		is.NoErr(err)
		got = append(got, info.Address.String())
	}
	is.Equal(got, []string{"news/prod", "news/prod/db"})

	is.NoErr(s.Record(t.Context(), myvault.Entry{Service: "reader", Action: "read", Address: addr("news/prod"), At: at.Add(time.Second)}))
	var entries []myvault.Entry
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		entries = append(entries, e)
	}
	is.Equal(len(entries), 5)
	is.Equal(entries[0].Seen, uint64(4))
	is.Equal(entries[1].Seq, uint64(4))
}
