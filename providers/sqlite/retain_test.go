package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// recorded records n entries, a minute apart.
func recorded(t testing.TB, s myvault.Trail, n int) {
	t.Helper()
	entries := make([]myvault.Entry, n)
	for i := range entries {
		entries[i] = myvault.Entry{Service: "svc", Action: "read", Address: addr("p/a"), At: at.Add(time.Duration(i) * time.Minute)}
	}
	if err := s.Record(context.Background(), entries...); err != nil {
		t.Fatal(err)
	}
}

// sequences returns the sequences of the access entries, oldest first.
func sequences(t testing.TB, s myvault.Trail) (all []uint64) {
	t.Helper()
	for e, err := range s.Entries(context.Background(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 0}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Via != "operator" {
			all = append([]uint64{e.Seq}, all...)
		}
	}
	return all
}

func TestPruneAccess(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	recorded(t, s, 700)
	old, err := s.Heads(t.Context())
	is.NoErr(err)
	recorded(t, s, 1)
	steps := uint64(0)
	pruned, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 600}, func(n uint64) {
		is.True(n > steps)
		steps = n
	})
	is.NoErr(err)
	is.Equal(pruned, uint64(600))
	is.Equal(steps, pruned)
	is.Equal(sequences(t, s)[0], uint64(601))
	report, err := s.Verify(t.Context(), old...) // the head at 700 is still there
	is.NoErr(err)
	is.True(report.TruncationChecked)
	is.Equal(report.Pruned, uint64(600))
	is.Equal(report.Accesses, uint64(103)) // with the two entries of the pruning

	pruned, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 700}, nil)
	is.NoErr(err)
	is.Equal(pruned, uint64(100))
	report, err = s.Verify(t.Context(), old...) // compared with the kept link
	is.NoErr(err)
	is.True(report.TruncationChecked)
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 701}, nil)
	is.NoErr(err)
	report, err = s.Verify(t.Context(), old...)
	is.NoErr(err)
	is.True(!report.TruncationChecked)
	is.Equal(report.NotComparable, old[1:])
	is.True(strings.Contains(report.String(), "701 accesses that were pruned before"))
	is.True(strings.Contains(report.String(), "at 700 was pruned and is not comparable"))

	recorded(t, s, 1) // the chain continues, here and in another process
	other := open(t, dir, key)
	recorded(t, other, 1)
	_, err = other.Verify(t.Context())
	is.NoErr(err)
}

func TestPruneAccessByTimeAndSize(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	recorded(t, s, 300)
	recorded(t, s, 300) // the clock was set back
	pruned, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{Before: at.Add(290 * time.Minute)}, nil)
	is.NoErr(err)
	is.Equal(pruned, uint64(290)) // up to the first entry that is not older
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{Bytes: 1 << 30}, nil)
	is.NoErr(err)
	is.Equal(len(sequences(t, s)), 310)
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{Bytes: 1}, nil)
	is.NoErr(err)
	is.Equal(len(sequences(t, s)), 0) // only the newest entry is left, that of a pruning
	_, err = s.Verify(t.Context())
	is.NoErr(err)
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{}, nil)
	is.True(errors.Is(err, myvault.ErrInvalid))
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 1 << 40}, nil)
	is.NoErr(err)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	is.True(heads[1].Seq > 600) // sequences never restart
}

// TestPruneVerifiesTheChain checks that altered entries are not pruned, as evidence, and that
// pruned entries cannot be forged.
func TestPruneVerifiesTheChain(t *testing.T) {
	upToSeven := func(seq uint64) bool { return seq <= 7 }
	sql := func(text string) func(raw) { return func(r raw) { r.exec(text) } }
	for name, tamper := range map[string]func(raw){
		"an entry altered before it goes": func(r raw) { r.alter(7, func(e *myvault.Entry) { e.Service = "other" }) },
		"an entry gone before it goes":    func(r raw) { r.without(func(seq uint64) bool { return seq == 7 }) },
		"more removed than was pruned":    func(r raw) { r.without(upToSeven) },
		"a link made up": func(r raw) {
			e := r.accesses()[7-6]
			r.exec(fmt.Sprintf(`INSERT INTO pruned VALUES(%d, x'%x', %d, zeroblob(32))`, e.Seq, e.MAC, e.At.UnixMicro()))
			r.without(upToSeven)
		},
		"the link altered":           sql(`UPDATE pruned SET link = zeroblob(32)`),
		"the time of it altered":     sql(`UPDATE pruned SET at = at + 1`),
		"the link moved":             sql(`UPDATE pruned SET seq = 4`),
		"the link gone":              sql(`DELETE FROM pruned`),
		"two links":                  sql(`INSERT INTO pruned SELECT 3, link, at, mac FROM pruned`),
		"the link of before, too":    sql(`INSERT INTO pruned SELECT * FROM kept`),
		"a body that cannot be read": sql(`UPDATE batch SET body = CAST(body || x'00' AS BLOB)`),
		"a batch once more":          sql(`INSERT INTO batch SELECT seq + 1, body FROM batch LIMIT 1`),
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := open(t, dir, crypto.NewKey())
			recorded(t, s, 20)
			_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 3}, nil)
			is.NoErr(err)
			r := rawOpen(t, dir, "access.db")
			r.exec(`CREATE TEMP TABLE kept AS SELECT * FROM pruned`)
			_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 5}, nil)
			is.NoErr(err)
			_, err = s.Verify(t.Context())
			is.NoErr(err)
			tamper(r)
			_, err = s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
			n, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 10}, nil)
			is.True(errors.Is(err, myvault.ErrTampered))
			is.Equal(n, uint64(0))
		})
	}
}

// TestBackgroundPrune checks that entries are pruned in the background and that the rest verifies.
func TestBackgroundPrune(t *testing.T) {
	for name, c := range map[string]struct {
		config sqlite.TrailConfig
		left   int
	}{
		"by age":        {sqlite.TrailConfig{MaxAge: 5 * time.Hour, MaxBytes: -1}, 301},
		"by size":       {sqlite.TrailConfig{MaxAge: -1, MaxBytes: 1}, 0}, // only the entries of the prune
		"as usual":      {sqlite.TrailConfig{}, 600},                      // they span ten hours, however long ago
		"never":         {sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}, 600},
		"within bounds": {sqlite.TrailConfig{MaxAge: 1 << 62, MaxBytes: 1 << 30}, 600},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			keep := openWith(t, dir, key, sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}})
			recorded(t, keep, 600)
			s := openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{Trail: c.config}).AtOnce())
			for looks := 0; looks < 20 || len(sequences(t, keep)) > c.left; looks++ {
				time.Sleep(10 * time.Millisecond)
			}
			is.Equal(len(sequences(t, keep)), c.left)
			_, err := s.Verify(t.Context())
			is.NoErr(err)
		})
	}
}

// TestPruneBySizeIsRecorded checks that a background prune by size is recorded: a caller that fills
// the trail cannot remove entries unseen.
func TestPruneBySizeIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		config sqlite.TrailConfig
		want   int
	}{
		"by size": {sqlite.TrailConfig{MaxAge: -1, MaxBytes: 1}, 2},
		"by age":  {sqlite.TrailConfig{MaxAge: 5 * time.Hour, MaxBytes: -1}, 0}, // no caller can cause it
		"nothing": {sqlite.TrailConfig{MaxAge: -1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			keep := openWith(t, dir, key, sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}})
			recorded(t, keep, 600)
			s := openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{Trail: c.config}).AtOnce())
			var said []myvault.Entry
			for {
				said = nil
				for e, err := range keep.Entries(t.Context(), myvault.TrailFilter{Action: "prune"}) {
					is.NoErr(err)
					said = append(said, e)
				}
				if c.want > 0 && len(said) >= c.want || c.want == 0 && len(sequences(t, keep)) == 301 || name == "nothing" {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			is.Equal(len(said), c.want)
			_, err := s.Verify(t.Context())
			is.NoErr(err)
			if c.want == 0 {
				return
			}
			is.Equal(said[1].Outcome, myvault.OutcomeBegun)
			is.Equal(said[0].Outcome, myvault.OutcomeOK)
			is.Equal(said[0].Via, "operator")
			is.Equal(said[0].Count, uint64(600))
			is.True(said[0].First.Equal(at))
			is.True(said[0].Last.Equal(at.Add(599 * time.Minute)))
		})
	}
}

// TestPruneDuringReads checks that reads and verification continue during a prune.
func TestPruneDuringReads(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := open(t, dir, key), open(t, dir, key)
	recorded(t, s, 3000)
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2900}, func(n uint64) {
		_, err := other.Verify(t.Context())
		is.NoErr(err)
		recorded(t, other, 1)
		is.Equal(sequences(t, other)[0], n+1)
	})
	is.NoErr(err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: 2950}, nil)
	is.True(errors.Is(err, context.Canceled))
}

func TestPruneVersions(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	var changes []myvault.Change
	for i := range 40 {
		for v := range 5 {
			changes = append(changes, put(fmt.Sprintf("p/%02d", i), fmt.Sprintf("canary %d of %d", v+1, i)))
		}
	}
	changes = append(changes, put("own/a", "one"), put("own/a", "two"), put("q/a", "one"), put("q/a", "two"), on(myvault.OpDelete, "q/a"))
	for i := range changes {
		if changes[i].Address.Project == "own" {
			changes[i].Address = myvault.Address{Project: ".own", Path: "a"}
		}
	}
	_, err := apply(s, changes...)
	is.NoErr(err)
	steps := 0
	n, err := s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2, Prefix: myvault.Prefix{Project: "p"}}, func(uint64) { steps++ })
	is.NoErr(err)
	is.Equal(n, uint64(40*3))
	is.Equal(steps, 2)
	for version, want := range map[myvault.Version]error{1: myvault.ErrDestroyed, 3: myvault.ErrDestroyed, 4: nil, 5: nil} {
		_, err := s.Get(t.Context(), addr("p/07"), version)
		is.True(errors.Is(err, want))
	}
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Action: "destroy"}) {
		is.NoErr(err)
		is.Equal(e.Via, "operator")
		is.Equal(e.Service, "")
		is.Equal(e.Version, myvault.Version(3))
	}
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2}, nil) // nothing left to do
	is.NoErr(err)
	is.Equal(n, uint64(0))
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Before: at.Add(time.Hour)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(40+1)) // the current ones stay, deleted or not
	own, err := s.Get(t.Context(), myvault.Address{Project: ".own", Path: "a"}, 1)
	is.NoErr(err)
	is.Equal(own.Value.Reveal(), "one")
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Before: at.Add(-time.Hour)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(0))
	_, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{}, nil)
	is.True(errors.Is(err, myvault.ErrInvalid))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Destroyed, uint64(40*4+1))
}
