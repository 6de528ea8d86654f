package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// opens reports whether a key opens a copy of the store. If it does, the copy must verify.
func opens(t *testing.T, dir string, key crypto.Key) bool {
	t.Helper()
	s, err := sqlite.Open(t.Context(), copied(t, dir), sqlite.StaticKey(key), sqlite.Config{})
	if errors.Is(err, myvault.ErrWrongKey) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Verify(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

func value(t *testing.T, s *sqlite.Store, where string) string {
	t.Helper()
	secret, err := s.Get(t.Context(), addr(where), 0)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Value.Reveal()
}

// wrapsOf returns every value in the files that is wrapped with or derived from the master key.
func wrapsOf(t *testing.T, dir string) (wraps [][]byte) {
	t.Helper()
	for _, file := range []string{"vault.db", "access.db"} {
		r := rawOpen(t, dir, file)
		wraps = append(wraps, r.blobs(`SELECT value FROM meta WHERE name IN ('check', 'trail')`)...)
		wraps = append(wraps, r.blobs(`SELECT wrapped FROM epoch`)...)
		r.close()
	}
	return wraps
}

// areGone fails the test if a file of the store contains one of the byte strings.
func areGone(t *testing.T, dir string, gone [][]byte) {
	t.Helper()
	for name, content := range files(t, dir) {
		for _, b := range gone {
			if bytes.Contains(content, b) {
				t.Fatalf("%s still contains old bytes", name)
			}
		}
	}
}

func TestRekey(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := open(t, dir, old)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	wraps := wrapsOf(t, dir)
	is.Equal(len(wraps), 5)
	is.NoErr(s.Rekey(t.Context(), next))
	areGone(t, dir, wraps)
	is.True(!opens(t, dir, old))
	is.True(opens(t, dir, next))
	_, err = apply(s, put("p/a", "two")) // the store continues
	is.NoErr(err)
	is.Equal(value(t, s, "p/a"), "two")
	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.True(!report.Rekeying)
	is.NoErr(s.Rekey(t.Context(), next)) // again
	is.NoErr(s.Rekey(t.Context(), old))  // and back
	is.True(opens(t, dir, old))
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
				s := open(t, dir, old)
				_, err := apply(s, put("p/a", "one"))
				is.NoErr(err)
				is.NoErr(s.RekeyUntil(t.Context(), next, c.step))
				is.NoErr(s.Close())
				is.Equal(opens(t, dir, old), c.byOld)
				is.Equal(opens(t, dir, next), c.byIt)

				now, wanted := old, next
				if c.byIt {
					now = next
				}
				if to == "another key" {
					wanted = crypto.NewKey()
				}
				s = open(t, dir, now)
				report, err := s.Verify(t.Context())
				is.NoErr(err)
				is.True(report.Rekeying)
				is.True(strings.Contains(report.String(), "repeat it"))
				is.NoErr(s.Rekey(t.Context(), wanted))
				is.NoErr(s.Close())
				is.True(opens(t, dir, wanted))
				for _, key := range []crypto.Key{old, next} {
					is.Equal(opens(t, dir, key), key.Text() == wanted.Text())
				}
				s = open(t, dir, wanted)
				is.Equal(value(t, s, "p/a"), "one")
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
		for !opens(t, dir, keys[at]) {
			at--
		}
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(keys[at]), sqlite.Config{})
		is.NoErr(err)
		keys = append(keys, crypto.NewKey())
		is.NoErr(s.RekeyUntil(t.Context(), keys[len(keys)-1], 1+round%3/2))
		is.NoErr(s.Close())
	}
}

// TestRekeyOfAnotherProcess checks that another process continues with its keys, and calls its key
// source only for a newer data key.
func TestRekeyOfAnotherProcess(t *testing.T) {
	is := is.New(t)
	dir, old, next := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	s := open(t, dir, old)
	var given atomic.Pointer[crypto.Key]
	given.Store(&old)
	source := func(context.Context) (crypto.Key, error) { return *given.Load(), nil }
	other, err := sqlite.Open(t.Context(), dir, source, sqlite.Config{})
	is.NoErr(err)
	defer other.Close()
	_, err = apply(other, put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(s.Rekey(t.Context(), next))
	_, err = apply(other, put("p/a", "two"))
	is.NoErr(err)
	is.Equal(value(t, s, "p/a"), "two")
	is.NoErr(other.Record(t.Context(), myvault.Entry{Action: "read", At: at}))
	_, err = other.Verify(t.Context())
	is.True(errors.Is(err, myvault.ErrWrongKey)) // it reads the keys again

	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = apply(s, put("p/b", "three"))
	is.NoErr(err)
	is.Equal(value(t, other, "p/a"), "two")
	for range 2 {
		_, err = other.Get(t.Context(), addr("p/b"), 0)
		is.True(errors.Is(err, myvault.ErrWrongKey))
		is.True(strings.Contains(err.Error(), "make the key source return the new one"))
		_, err = apply(other, put("p/b", "x"))
		is.True(errors.Is(err, myvault.ErrWrongKey))
	}
	is.True(errors.Is(other.Rekey(t.Context(), crypto.NewKey()), myvault.ErrWrongKey))
	given.Store(&next)
	is.Equal(value(t, other, "p/b"), "three")
	_, err = apply(other, put("p/b", "four"))
	is.NoErr(err)
	_, err = other.Verify(t.Context())
	is.NoErr(err)
	third := crypto.NewKey()
	is.NoErr(other.Rekey(t.Context(), third))
	is.True(opens(t, dir, third))
}

// TestRekeyDuringIdleProcess checks that a process which has neither read nor written before the
// rekey still has its data keys.
func TestRekeyDuringIdleProcess(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	s := open(t, dir, old)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	idle := open(t, dir, old)
	is.NoErr(s.Rekey(t.Context(), crypto.NewKey()))
	is.Equal(value(t, idle, "p/a"), "one")
	_, err = apply(idle, put("p/a", "two"))
	is.NoErr(err)
}

// TestRekeyOvertaken checks that the last step changes nothing if another process has rekeyed
// vault.db.
func TestRekeyOvertaken(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	s := open(t, dir, old)
	is.True(errors.Is(s.RekeyUntil(t.Context(), crypto.NewKey(), 3), myvault.ErrConflict))
	is.True(opens(t, dir, old))
}

// TestConcurrentRekeys checks that after two concurrent rekeys exactly one new key opens the store.
func TestConcurrentRekeys(t *testing.T) {
	for range 5 {
		is := is.New(t)
		dir, old := t.TempDir(), crypto.NewKey()
		keys := []crypto.Key{crypto.NewKey(), crypto.NewKey()}
		errs := make(chan error, len(keys))
		stores := []*sqlite.Store{open(t, dir, old), open(t, dir, old)}
		for i, key := range keys {
			s := stores[i]
			go func() { errs <- s.Rekey(context.Background(), key) }()
		}
		for range keys {
			if err := <-errs; err != nil && !errors.Is(err, myvault.ErrConflict) && !errors.Is(err, myvault.ErrWrongKey) {
				t.Error(err)
			}
		}
		is.True(opens(t, dir, keys[0]) != opens(t, dir, keys[1]))
		is.True(!opens(t, dir, old))
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

	dir = closed(t, old) // the trail of a store
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.NoErr(err)
	is.True(errors.Is(trail.Rekey(t.Context(), next), myvault.ErrInvalid))
	is.NoErr(trail.Close())
	is.True(opens(t, dir, old))
}
