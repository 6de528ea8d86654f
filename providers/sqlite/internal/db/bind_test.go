package db_test

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestRowsThatDifferInOneField checks that rows differing in one field are read as written.
func TestRowsThatDifferInOneField(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	base := myvault.Entry{
		Service: "ui", Via: "header", Request: "r", Remote: "10.0.0.1", Action: "read", Address: storetest.Addr("p/a"), Version: 1,
		Outcome: myvault.OutcomeOK, Count: 1, At: storetest.At, First: storetest.At, Last: storetest.At,
	}
	var written []myvault.Entry
	for _, differ := range []func(*myvault.Entry){
		func(e *myvault.Entry) { e.Service = "worker" }, func(e *myvault.Entry) { e.Service = "" },
		func(e *myvault.Entry) { e.Via = "" }, func(e *myvault.Entry) { e.Request = "s" },
		func(e *myvault.Entry) { e.Remote = "" }, func(e *myvault.Entry) { e.Action = "list" },
		func(e *myvault.Entry) { e.Address.Project = "q" }, func(e *myvault.Entry) { e.Address.Path = "b" },
		func(e *myvault.Entry) { e.Version = 2 }, func(e *myvault.Entry) { e.Outcome = myvault.OutcomeDenied },
		func(e *myvault.Entry) { e.Count = 2 }, func(e *myvault.Entry) { e.At = storetest.At.Add(time.Second) },
		func(e *myvault.Entry) { e.First = storetest.At.Add(-time.Second) }, func(e *myvault.Entry) { e.Last = storetest.At.Add(time.Second) },
	} {
		other := base
		differ(&other)
		written = append(written, base, other)
	}
	is.NoErr(s.Record(t.Context(), written...))
	read := storetest.Entries(t, s, myvault.TrailFilter{})
	for i, want := range written {
		got := read[len(read)-1-i]
		got.Chain, got.Seq, got.Prev, got.MAC = "", 0, nil, nil
		is.Equal(got, want)
	}

	expiring := storetest.Put("p/a", "v")
	expiring.Expires, expiring.RotateAfter = storetest.At.Add(time.Hour), storetest.At.Add(time.Minute)
	for _, c := range []myvault.Change{storetest.Put("p/a", "v"), expiring, storetest.Put("p/a", "v"), storetest.Put("p/b", "v"), expiring, storetest.Put("q/b", "v")} {
		infos, err := storetest.Apply(s, c)
		is.NoErr(err)
		secret, err := s.Get(t.Context(), c.Address, 0)
		is.NoErr(err)
		is.Equal(secret.Info, infos[0])
		is.True(secret.Expires.Equal(c.Expires) && secret.RotateAfter.Equal(c.RotateAfter))
	}
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}
