package access_test

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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestPruneAccess(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	storetest.Record(t, s, 700)
	old, err := s.Heads(t.Context())
	is.NoErr(err)
	storetest.Record(t, s, 1)
	steps := uint64(0)
	pruned, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 600}, func(n uint64) {
		is.True(n > steps)
		steps = n
	})
	is.NoErr(err)
	is.Equal(pruned, uint64(600))
	is.Equal(steps, pruned)
	is.Equal(storetest.Sequences(t, s)[0], uint64(601))
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

	storetest.Record(t, s, 1) // the chain continues, here and in another process
	other := storetest.Open(t, dir, key)
	storetest.Record(t, other, 1)
	_, err = other.Verify(t.Context())
	is.NoErr(err)
}

func TestPruneAccessByTimeAndSize(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	storetest.Record(t, s, 300)
	storetest.Record(t, s, 300) // the clock was set back
	pruned, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{Before: storetest.At.Add(290 * time.Minute)}, nil)
	is.NoErr(err)
	is.Equal(pruned, uint64(290)) // up to the first entry that is not older
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{Bytes: 1 << 30}, nil)
	is.NoErr(err)
	is.Equal(len(storetest.Sequences(t, s)), 310)
	_, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{Bytes: 1}, nil)
	is.NoErr(err)
	is.Equal(len(storetest.Sequences(t, s)), 0) // only the newest entry is left, that of a pruning
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
	sql := func(text string) func(storetest.Raw) { return func(r storetest.Raw) { r.Exec(text) } }
	for name, tamper := range map[string]func(storetest.Raw){
		"an entry altered before it goes": func(r storetest.Raw) { r.Alter(7, func(e *myvault.Entry) { e.Service = "other" }) },
		"an entry gone before it goes":    func(r storetest.Raw) { r.Without(func(seq uint64) bool { return seq == 7 }) },
		"more removed than was pruned":    func(r storetest.Raw) { r.Without(upToSeven) },
		"a link made up": func(r storetest.Raw) {
			e := r.Accesses()[7-6]
			r.Exec(fmt.Sprintf(`INSERT INTO pruned VALUES(%d, x'%x', %d, zeroblob(32))`, e.Seq, e.MAC, e.At.UnixMicro()))
			r.Without(upToSeven)
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
			s := storetest.Open(t, dir, crypto.NewKey())
			storetest.Record(t, s, 20)
			_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 3}, nil)
			is.NoErr(err)
			r := storetest.OpenRaw(t, dir, "access.db")
			r.Exec(`CREATE TEMP TABLE kept AS SELECT * FROM pruned`)
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
			keep := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}})
			storetest.Record(t, keep, 600)
			s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{Trail: c.config}).AtOnce())
			for looks := 0; looks < 20 || len(storetest.Sequences(t, keep)) > c.left; looks++ {
				time.Sleep(10 * time.Millisecond)
			}
			is.Equal(len(storetest.Sequences(t, keep)), c.left)
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
			keep := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}})
			storetest.Record(t, keep, 600)
			s := storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{Trail: c.config}).AtOnce())
			var said []myvault.Entry
			for {
				said = nil
				for e, err := range keep.Entries(t.Context(), myvault.TrailFilter{Action: "prune"}) {
					is.NoErr(err)
					said = append(said, e)
				}
				if c.want > 0 && len(said) >= c.want || c.want == 0 && len(storetest.Sequences(t, keep)) == 301 || name == "nothing" {
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
			is.True(said[0].First.Equal(storetest.At))
			is.True(said[0].Last.Equal(storetest.At.Add(599 * time.Minute)))
		})
	}
}

// TestPruneDuringReads checks that reads and verification continue during a prune.
func TestPruneDuringReads(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	storetest.Record(t, s, 3000)
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2900}, func(n uint64) {
		_, err := other.Verify(t.Context())
		is.NoErr(err)
		storetest.Record(t, other, 1)
		is.Equal(storetest.Sequences(t, other)[0], n+1)
	})
	is.NoErr(err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: 2950}, nil)
	is.True(errors.Is(err, context.Canceled))
}

// TestVerifyHeadsDuringPrune checks that entries pruned callOnErr any two of the last queries of
// Verify are not reported as truncation.
func TestVerifyHeadsDuringPrune(t *testing.T) {
	is := is.New(t)
	asked := verifiedBetween(t, -1)
	is.True(asked > 15)
	for n := asked - 15; n < asked; n++ {
		verifiedBetween(t, n)
	}
}

// verifiedBetween verifies a store against its heads and prunes past them after the given number
// of calls of Err. It returns the number of calls in total.
func verifiedBetween(t *testing.T, before int) (asked int) {
	t.Helper()
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	storetest.Record(t, s, 10)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	storetest.Record(t, s, 10)
	ctx := &storetest.CallOnErr{Context: t.Context(), Left: before, Do: func() {
		is.NoErr(storetest.RoomsOf(s).Trail.PruneStep(context.Background(), 15))
	}}
	_, err = s.Verify(ctx, heads...)
	is.NoErr(err)
	return before - ctx.Left
}
