package sqlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestVerifyFindsOldHead checks that Verify finds an old head. A read cannot detect one, because it
// was valid once.
func TestVerifyFindsOldHead(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`CREATE TEMP TABLE kept AS SELECT * FROM head`)
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.NoErr(err)
	_, err = s.Verify(t.Context())
	is.NoErr(err)
	r.Exec(`INSERT OR REPLACE INTO head SELECT * FROM kept`)
	_, err = s.Verify(t.Context())
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Seq, uint64(2))
}

func TestDestroyedRecordStaysDestroyed(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
	is.NoErr(err)
	r := storetest.OpenRaw(t, dir, "vault.db")
	r.Exec(`CREATE TEMP TABLE kept AS SELECT seq, sealed FROM log`)
	_, err = storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 1))
	is.NoErr(err)
	_, err = s.Verify(t.Context())
	is.NoErr(err)
	r.Exec(`UPDATE log SET sealed = (SELECT sealed FROM kept WHERE seq = 1) WHERE seq = 1`)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 1)
	is.True(errors.Is(err, myvault.ErrDestroyed))
	_, err = s.Verify(t.Context())
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Seq, uint64(1))
}

func TestPrunedEntryStaysPruned(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
	for range 3 {
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
	}
	r := storetest.OpenRaw(t, dir, "access.db")
	r.Exec(`CREATE TEMP TABLE kept AS SELECT * FROM batch`)
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2}, nil)
	is.NoErr(err)
	_, err = s.Verify(t.Context())
	is.NoErr(err)
	r.Exec(`INSERT INTO batch SELECT * FROM kept WHERE seq = 2`)
	_, err = s.Verify(t.Context())
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Seq, uint64(2))
}

// TestVerifyWithEarlierHeads checks that earlier heads detect a truncated chain, which otherwise
// verifies.
func TestVerifyWithEarlierHeads(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Filled(t, key)
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	is.Equal(len(heads), 2)
	is.Equal(heads[0].Seq, uint64(10))
	is.Equal(heads[1].Seq, uint64(3))
	report, err := s.Verify(t.Context(), heads...)
	is.NoErr(err)
	is.True(report.TruncationChecked)
	is.Equal(report.Heads, heads)
	is.Equal(report.String(), "10 changes, 3 accesses, 5 records opened, 1 destroyed, 4 secrets, 2 projects; compared with earlier heads: changes at 10, access at 3")
	is.NoErr(s.Close())

	r := storetest.OpenRaw(t, dir, "access.db")
	r.Exec(`DELETE FROM batch WHERE seq = 3`)
	r.Close()
	s = storetest.Open(t, dir, key)
	report, err = s.Verify(t.Context(), heads[0])
	is.NoErr(err)
	is.True(!report.TruncationChecked) // the chain of accesses was not compared
	is.True(strings.HasSuffix(report.String(), "; compared with earlier heads: changes at 10; truncation of the chain of access was not checked: no earlier head of it was comparable"))
	_, err = s.Verify(t.Context(), heads...)
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(*bad, sqlite.BadEntry{Chain: "access", Seq: 3, Reason: bad.Reason})

	is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At})) // the chain grows again
	_, err = s.Verify(t.Context(), heads...)
	is.True(errors.As(err, &bad))
	_, err = s.Verify(t.Context(), myvault.Head{Chain: "none", Seq: 1})
	is.True(errors.Is(err, myvault.ErrInvalid))
}

// TestVerifyDuringPrune checks that Verify continues after entries that it has verified are
// pruned, up to the end of a batch or within one.
func TestVerifyDuringPrune(t *testing.T) {
	t.Parallel()
	for _, upTo := range []uint64{100, 2549, 2550, 2551, 2555, 2559, 2560, 2561, 2700} {
		t.Run(fmt.Sprint(upTo), func(t *testing.T) {
			is := is.New(t)
			s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: storetest.KeepEntries})
			for range 300 {
				storetest.Record(t, s, 10)
			}
			begun := false
			proved, steps, err := s.VerifyAccesses(t.Context(), func() {
				if begun {
					return
				}
				begun = true // 256 rows, which are 2,560 entries
				_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: upTo}, nil)
				is.NoErr(err)
			})
			is.NoErr(err)
			is.Equal(steps, 3)                              // the last one finds nothing
			is.Equal(proved, 3000+2-(max(upTo, 2560)-2560)) // with the two of the pruning
		})
	}
}
