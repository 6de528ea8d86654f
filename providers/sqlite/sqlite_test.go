package sqlite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestPutGetList(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	infos, err := storetest.Apply(s, storetest.Put("news/prod/db", "one"), storetest.Put("news/prod/db", "two"), storetest.Put("news/prod", "x"), storetest.Put("news/prod-x", "y"))
	is.NoErr(err)
	is.Equal(infos[1].Version, myvault.Version(2))

	secret, err := s.Get(t.Context(), storetest.Addr("news/prod/db"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
	is.Equal(secret.Info, myvault.Info{Address: storetest.Addr("news/prod/db"), Version: 2, State: myvault.Live, At: storetest.At.Truncate(time.Microsecond), By: "tester"})
	secret, err = s.Get(t.Context(), storetest.Addr("news/prod/db"), 1)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	_, err = s.Get(t.Context(), storetest.Addr("news/prod/db"), 3)
	is.True(errors.Is(err, myvault.ErrNotFound))

	var got []string
	for info, err := range s.List(t.Context(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "news", Path: "prod"}}) {
		is.NoErr(err)
		got = append(got, info.Address.String())
	}
	is.Equal(got, []string{"news/prod", "news/prod/db"})

	is.NoErr(s.Record(t.Context(), myvault.Entry{Service: "reader", Action: "read", Address: storetest.Addr("news/prod"), At: storetest.At.Add(time.Second)}))
	var entries []myvault.Entry
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		entries = append(entries, e)
	}
	is.Equal(len(entries), 5)
	is.Equal(entries[0].Seen, uint64(4))
	is.Equal(entries[1].Seq, uint64(4))
}
