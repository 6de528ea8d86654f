package sqlite_test

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// TestRowsThatDifferInOneField checks that rows differing in one field are read as written.
func TestRowsThatDifferInOneField(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	base := myvault.Entry{
		Service: "ui", Via: "header", Request: "r", Remote: "10.0.0.1", Action: "read", Address: addr("p/a"), Version: 1,
		Outcome: myvault.OutcomeOK, Count: 1, At: at, First: at, Last: at,
	}
	var written []myvault.Entry
	for _, differ := range []func(*myvault.Entry){
		func(e *myvault.Entry) { e.Service = "worker" }, func(e *myvault.Entry) { e.Service = "" },
		func(e *myvault.Entry) { e.Via = "" }, func(e *myvault.Entry) { e.Request = "s" },
		func(e *myvault.Entry) { e.Remote = "" }, func(e *myvault.Entry) { e.Action = "list" },
		func(e *myvault.Entry) { e.Address.Project = "q" }, func(e *myvault.Entry) { e.Address.Path = "b" },
		func(e *myvault.Entry) { e.Version = 2 }, func(e *myvault.Entry) { e.Outcome = myvault.OutcomeDenied },
		func(e *myvault.Entry) { e.Count = 2 }, func(e *myvault.Entry) { e.At = at.Add(time.Second) },
		func(e *myvault.Entry) { e.First = at.Add(-time.Second) }, func(e *myvault.Entry) { e.Last = at.Add(time.Second) },
	} {
		other := base
		differ(&other)
		written = append(written, base, other)
	}
	is.NoErr(s.Record(t.Context(), written...))
	read := entries(t, s, myvault.TrailFilter{})
	for i, want := range written {
		got := read[len(read)-1-i]
		got.Chain, got.Seq, got.Prev, got.MAC = "", 0, nil, nil
		is.Equal(got, want)
	}

	expiring := put("p/a", "v")
	expiring.Expires, expiring.RotateAfter = at.Add(time.Hour), at.Add(time.Minute)
	for _, c := range []myvault.Change{put("p/a", "v"), expiring, put("p/a", "v"), put("p/b", "v"), expiring, put("q/b", "v")} {
		infos, err := apply(s, c)
		is.NoErr(err)
		secret, err := s.Get(t.Context(), c.Address, 0)
		is.NoErr(err)
		is.Equal(secret.Info, infos[0])
		is.True(secret.Expires.Equal(c.Expires) && secret.RotateAfter.Equal(c.RotateAfter))
	}
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}
