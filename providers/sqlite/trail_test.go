package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestOpenTrail opens a trail without a store, for a provider that has none.
func TestOpenTrail(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	trail, err := sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
	is.NoErr(err)
	given := myvault.Entry{
		At: storetest.At, Service: "ui", Via: "header", Request: "r-1", Remote: "192.0.2.1", Action: "read",
		Address: storetest.Addr("p/a"), Version: 7, Outcome: myvault.OutcomeDenied, Count: 3,
		First: storetest.At.Add(-time.Second), Last: storetest.At, Seen: 5,
	}
	is.NoErr(trail.Record(t.Context(), given, myvault.Entry{Action: "login", At: storetest.At}))
	is.NoErr(trail.Close())
	is.NoErr(trail.Close())
	is.True(errors.Is(trail.Record(t.Context(), given), myvault.ErrClosed))

	trail, err = sqlite.OpenTrail(t.Context(), dir, key, sqlite.TrailConfig{})
	is.NoErr(err)
	got := storetest.Entries(t, trail, myvault.TrailFilter{})
	is.Equal(len(got), 2)
	is.Equal(got[0].Count, uint64(1)) // missing fields get defaults
	is.Equal(got[0].First, storetest.At)
	is.Equal(got[0].Outcome, myvault.OutcomeOK)
	is.Equal(got[0].Prev, got[1].MAC)
	is.Equal(got[1].Prev, crypto.Genesis())
	given.Chain, given.Seq, given.Prev, given.MAC = myvault.ChainAccess, 1, got[1].Prev, got[1].MAC
	is.Equal(got[1], given)
	heads, err := trail.Heads(t.Context())
	is.NoErr(err)
	is.Equal(heads, []myvault.Head{{Chain: myvault.ChainAccess, Seq: 2, At: storetest.At, MAC: got[0].MAC}})
	is.NoErr(trail.Close())
	_, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
}

// TestFieldsAreBounded checks that texts of entries are truncated and made printable.
func TestFieldsAreBounded(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	long := strings.Repeat("ネ", 100) // 300 bytes
	nasty := "a\nb\x00c\x1b[31m\x7f\u0085\xff"
	e := myvault.Entry{Service: long, Via: nasty, Request: strings.Repeat("\xffa", 100), Remote: nasty, Action: long, At: storetest.At, Address: storetest.Addr("p/a")}
	is.NoErr(s.Record(t.Context(), e))
	_, err := s.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{storetest.Put("p/a", "x")}, By: nasty, At: storetest.At, Entries: []myvault.Entry{e}})
	is.NoErr(err)
	all := storetest.Entries(t, s, myvault.TrailFilter{})
	is.Equal(len(all), 2)
	for _, e := range all {
		is.Equal(e.Service, strings.Repeat("ネ", 42)) // 126 bytes: whole runes only
		is.Equal(e.Via, "a?b?c?[31m??\uFFFD")
		for _, field := range []string{e.Action, e.Request, e.Remote} {
			is.True(utf8.ValidString(field) && len(field) <= 128)
		}
	}
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.By, "a?b?c?[31m??\uFFFD")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestEntriesFromCursor checks that a cursor continues each chain after the last page.
func TestEntriesFromCursor(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	const each = 600 // more than two pages of each chain
	for n := range each / 100 {
		var changes []myvault.Change
		var reads []myvault.Entry
		for m := range 100 {
			changes = append(changes, storetest.Put(fmt.Sprintf("p%d/a%d", n%2, m), "x"))
			reads = append(reads, myvault.Entry{Service: "ui", Action: "read", Address: storetest.Addr(fmt.Sprintf("p%d/a%d", n%2, m)), At: storetest.At.Add(time.Duration(n) * time.Minute)})
		}
		_, err := s.Apply(t.Context(), myvault.Commit{Changes: changes, By: "x", At: storetest.At.Add(time.Duration(n)*time.Minute + time.Second)})
		is.NoErr(err)
		is.NoErr(s.Record(t.Context(), reads...))
	}
	whole := storetest.Entries(t, s, myvault.TrailFilter{})
	is.Equal(len(whole), 2*each)
	for i := range whole[1:] {
		is.True(!whole[i+1].At.After(whole[i].At)) // newest first
	}

	var paged []myvault.Entry
	position := myvault.Cursor{}
	for {
		n := 0
		for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Before: position}) {
			is.NoErr(err)
			paged = append(paged, e)
			position[e.Chain] = e.Seq
			if n++; n == 77 {
				break
			}
		}
		if n == 0 {
			break
		}
	}
	is.Equal(len(paged), len(whole))
	is.Equal(paged, whole)

	only := storetest.Entries(t, s, myvault.TrailFilter{
		Prefix: myvault.Prefix{Project: "p1"}, Service: "ui", Since: storetest.At.Add(time.Minute), Until: storetest.At.Add(3 * time.Minute),
	})
	is.Equal(len(only), 100)
	for _, e := range only {
		is.Equal(e.Chain, myvault.ChainAccess)
		is.Equal(e.Address.Project, "p1")
	}
}

// TestEntriesOfProjects checks that a change of a project is an entry of that project without a
// path.
func TestEntriesOfProjects(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	p := myvault.Project{Name: "p", Description: "all about p"}
	_, err := storetest.Apply(s,
		myvault.Change{Op: myvault.OpPutProject, Project: p},
		myvault.Change{Op: myvault.OpDefaultProject, Project: p},
		myvault.Change{Op: myvault.OpDeleteProject, Project: p},
	)
	is.NoErr(err)
	var actions []string
	for _, e := range storetest.Entries(t, s, myvault.TrailFilter{}) {
		is.Equal(e.Address, myvault.Address{Project: "p"})
		is.Equal(e.Service, "tester") // the author, because the commit has no entries
		actions = append(actions, e.Action)
	}
	is.Equal(actions, []string{"project-delete", "project-default", "project-write"})
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestConcurrentRecords checks that entries recorded concurrently form one chain.
func TestConcurrentRecords(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	var wait sync.WaitGroup
	var errs [100]error
	for n := range errs {
		wait.Go(func() {
			errs[n] = s.Record(context.Background(), myvault.Entry{Action: "read", At: storetest.At}, myvault.Entry{Action: "list", At: storetest.At})
		})
	}
	wait.Wait()
	is.NoErr(errors.Join(errs[:]...))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(2*len(errs)))
}

// Entries are synced soon, and by Close. Once a sync has failed, nothing is recorded and the store
// is unhealthy until it is reopened.
func TestTheTrailIsSynced(t *testing.T) {
	is := is.New(t)
	synced := make(chan string, 10_000)
	var broken atomic.Bool
	dir, key := t.TempDir(), crypto.NewKey()
	c := storetest.OptionsOf(sqlite.Config{}).WithSync(func(path string) error {
		synced <- path
		if broken.Load() {
			return errors.New("input/output error")
		}
		return nil
	})
	s := storetest.OpenWith(t, dir, key, c)
	e := myvault.Entry{Action: "read", At: storetest.At}
	is.NoErr(s.Record(t.Context(), e))
	is.Equal(<-synced, filepath.Join(dir, "access.db-wal"))

	broken.Store(true)
	is.NoErr(s.Record(t.Context(), e))
	for s.Ping(t.Context()) == nil {
		time.Sleep(time.Millisecond)
	}
	is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
	is.True(errors.Is(s.Record(t.Context(), e), myvault.ErrUnavailable))
	broken.Store(false)
	is.True(errors.Is(s.Close(), myvault.ErrUnavailable))
	s = storetest.OpenWith(t, dir, key, c)
	is.NoErr(s.Ping(t.Context()))
	is.NoErr(s.Record(t.Context(), e))
	is.NoErr(s.Close())
	is.True(len(synced) > 0) // Close syncs
}

// TestGoodEntriesComeBeforeBadOne checks that entries newer than an altered one can be read.
func TestGoodEntriesComeBeforeBadOne(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	for range 10 {
		is.NoErr(s.Record(t.Context(), myvault.Entry{At: time.Now(), Action: "read", Outcome: myvault.OutcomeOK, Count: 1}))
	}
	is.NoErr(s.Close())
	r := storetest.OpenRaw(t, dir, "access.db")
	r.Alter(5, func(e *myvault.Entry) { e.Action = "list" })
	r.Close()
	s = storetest.Open(t, dir, key)
	var seqs []uint64
	var last error
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		if last = err; err == nil {
			seqs = append(seqs, e.Seq)
		}
	}
	is.Equal(seqs, []uint64{10, 9, 8, 7, 6})
	is.True(errors.Is(last, myvault.ErrTampered))
}
