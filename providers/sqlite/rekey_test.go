package sqlite_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// wrapsOf returns every value in the files that is wrapped with or derived from the master key.
func wrapsOf(t *testing.T, dir string) (wraps [][]byte) {
	t.Helper()
	for _, file := range []string{"vault.db", "access.db"} {
		r := storetest.OpenRaw(t, dir, file)
		wraps = append(wraps, r.Blobs(`SELECT value FROM meta WHERE name IN ('check', 'trail')`)...)
		wraps = append(wraps, r.Blobs(`SELECT wrapped FROM epoch`)...)
		r.Close()
	}
	return wraps
}

func TestRekey(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	wraps := wrapsOf(t, dir)
	is.Equal(len(wraps), 5)
	is.NoErr(s.Rekey(t.Context(), next))
	storetest.AreGone(t, dir, wraps)
	is.True(!storetest.Opens(t, dir, old))
	is.True(storetest.Opens(t, dir, next))
	_, err = storetest.Apply(s, storetest.Put("p/a", "two")) // the store continues
	is.NoErr(err)
	is.Equal(storetest.Value(t, s, "p/a"), "two")
	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.True(!report.Rekeying)
	is.NoErr(s.Rekey(t.Context(), next)) // again
	is.NoErr(s.Rekey(t.Context(), old))  // and back
	is.True(storetest.Opens(t, dir, old))
	is.True(errors.Is(s.Rekey(t.Context(), crypto.Key{}), crypto.ErrKey))
	var actions []string
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		if e.Via == "operator" && e.Outcome == myvault.OutcomeOK {
			actions = append(actions, e.Action)
		}
	}
	is.Equal(actions, []string{"rekey", "rekey", "new-epoch", "rekey"})
}

// TestInterruptedRekey checks that after a crash at any step of a rekey one of the two keys opens
// both files, and that a rekey to any key completes it.
func TestInterruptedRekey(t *testing.T) {
	for _, c := range []struct {
		name        string
		step        int
		byOld, byIt bool
	}{
		{"access.db has both keys", 1, true, false},
		{"vault.db has the new key", 2, false, true},
	} {
		for _, to := range []string{"the same key", "another key"} {
			t.Run(c.name+", then "+to, func(t *testing.T) {
				is := is.New(t)
				dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
				s := storetest.Open(t, dir, old)
				_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
				is.NoErr(err)
				is.NoErr(s.RekeySteps(t.Context(), next, c.step))
				is.NoErr(s.Close())
				is.Equal(storetest.Opens(t, dir, old), c.byOld)
				is.Equal(storetest.Opens(t, dir, next), c.byIt)

				now, wanted := old, next
				if c.byIt {
					now = next
				}
				if to == "another key" {
					wanted = crypto.NewKey()
				}
				s = storetest.Open(t, dir, now)
				report, err := s.Verify(t.Context())
				is.NoErr(err)
				is.True(report.Rekeying)
				is.True(strings.Contains(report.String(), "repeat it"))
				is.NoErr(s.Rekey(t.Context(), wanted))
				is.NoErr(s.Close())
				is.True(storetest.Opens(t, dir, wanted))
				for _, key := range []crypto.Key{old, next} {
					is.Equal(storetest.Opens(t, dir, key), key.Text() == wanted.Text())
				}
				s = storetest.Open(t, dir, wanted)
				is.Equal(storetest.Value(t, s, "p/a"), "one")
				report, err = s.Verify(t.Context())
				is.NoErr(err)
				is.True(!report.Rekeying)
			})
		}
	}
}

// TestRekeyInterruptedManyTimes checks that some key opens the store after many interrupted rekeys
// to different keys.
func TestRekeyInterruptedManyTimes(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), []crypto.Key{crypto.NewKey()}
	for round := range 8 {
		at := len(keys) - 1
		for !storetest.Opens(t, dir, keys[at]) {
			at--
		}
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(keys[at]), sqlite.Config{})
		is.NoErr(err)
		keys = append(keys, crypto.NewKey())
		is.NoErr(s.RekeySteps(t.Context(), keys[len(keys)-1], sqlite.AddNewKey+round%3/2))
		is.NoErr(s.Close())
	}
}

// TestRekeyOfAnotherProcess checks that another process continues with its keys, and calls its key
// source only for a newer data key.
func TestRekeyOfAnotherProcess(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	var given atomic.Pointer[crypto.Key]
	given.Store(&old)
	source := func(context.Context) (crypto.Key, error) { return *given.Load(), nil }
	other, err := sqlite.Open(t.Context(), dir, source, sqlite.Config{})
	is.NoErr(err)
	defer other.Close()
	_, err = storetest.Apply(other, storetest.Put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Rekey(t.Context(), next))
	_, err = storetest.Apply(other, storetest.Put("p/a", "two"))
	is.NoErr(err)
	is.Equal(storetest.Value(t, s, "p/a"), "two")
	is.NoErr(other.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	_, err = other.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrWrongKey)) // it reads the keys again

	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = storetest.Apply(s, storetest.Put("p/b", "three"))
	is.NoErr(err)
	is.Equal(storetest.Value(t, other, "p/a"), "two")
	for range 2 {
		_, err = other.Get(t.Context(), storetest.Addr("p/b"), 0)
		is.True(errors.Is(err, myvault.ErrWrongKey))
		is.True(strings.Contains(err.Error(), "make the key source return the new one"))
		_, err = storetest.Apply(other, storetest.Put("p/b", "x"))
		is.True(errors.Is(err, myvault.ErrWrongKey))
	}
	is.True(errors.Is(other.Rekey(t.Context(), crypto.NewKey()), myvault.ErrWrongKey))
	given.Store(&next)
	is.Equal(storetest.Value(t, other, "p/b"), "three")
	_, err = storetest.Apply(other, storetest.Put("p/b", "four"))
	is.NoErr(err)
	_, err = other.Verify(t.Context())
	is.NoErr(err)
	third := crypto.NewKey()
	is.NoErr(other.Rekey(t.Context(), third))
	is.True(storetest.Opens(t, dir, third))
}

// TestRekeyDuringIdleProcess checks that a process which has neither read nor written before the
// rekey still has its data keys.
func TestRekeyDuringIdleProcess(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	idle := storetest.Open(t, dir, old)
	is.NoErr(s.Rekey(t.Context(), crypto.NewKey()))
	is.Equal(storetest.Value(t, idle, "p/a"), "one")
	_, err = storetest.Apply(idle, storetest.Put("p/a", "two"))
	is.NoErr(err)
}

// TestRekeyOvertaken checks that the last step changes nothing if another process has rekeyed
// vault.db.
func TestRekeyOvertaken(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, old)
	is.True(errors.Is(s.RekeySteps(t.Context(), crypto.NewKey(), sqlite.DropOldKey), myvault.ErrConflict))
	is.True(storetest.Opens(t, dir, old))
}

// TestConcurrentRekeys checks that after two concurrent rekeys exactly one new key opens the store.
func TestConcurrentRekeys(t *testing.T) {
	t.Parallel()
	for range 5 {
		is := is.New(t)
		dir, old := t.TempDir(), crypto.NewKey()
		keys := []crypto.Key{crypto.NewKey(), crypto.NewKey()}
		errs := make(chan error, len(keys))
		stores := []*sqlite.Store{storetest.Open(t, dir, old), storetest.Open(t, dir, old)}
		for i, key := range keys {
			s := stores[i]
			go func() { errs <- s.Rekey(context.Background(), key) }()
		}
		for range keys {
			if err := <-errs; err != nil && !errors.Is(err, myvault.ErrConflict) && !errors.Is(err, myvault.ErrWrongKey) {
				t.Error(err)
			}
		}
		is.True(storetest.Opens(t, dir, keys[0]) != storetest.Opens(t, dir, keys[1]))
		is.True(!storetest.Opens(t, dir, old))
	}
}

func TestRekeyOfTrail(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Rekey(t.Context(), next))
	is.NoErr(trail.Close())
	_, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(next), sqlite.TrailConfig{})
	is.NoErr(err)
	for e, err := range trail.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		is.Equal(e.Action, "rekey")
	}
	is.NoErr(trail.Close())

	dir = storetest.Closed(t, old) // the trail of a store
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.NoErr(err)
	is.True(errors.Is(trail.Rekey(t.Context(), next), myvault.ErrInvalid))
	is.NoErr(trail.Close())
	is.True(storetest.Opens(t, dir, old))
}
