package sqlite_test

import (
	"context"
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

// epochsOf returns the number of records of each epoch in the file.
func epochsOf(t *testing.T, dir string) map[uint32]int {
	t.Helper()
	r := storetest.OpenRaw(t, dir, "vault.db")
	defer r.Close()
	counts := map[uint32]int{}
	for _, record := range r.Blobs(`SELECT sealed FROM log WHERE sealed IS NOT NULL`) {
		epoch, err := crypto.RecordEpoch(record)
		if err != nil {
			t.Fatal(err)
		}
		counts[epoch]++
	}
	return counts
}

// many fills a store with versions in every state, and with a value larger than one step takes.
func many(t *testing.T, s *sqlite.Store) map[string]string {
	t.Helper()
	values := map[string]string{}
	var changes []myvault.Change
	for i := range 150 {
		where := fmt.Sprintf("p/%03d", i)
		values[where] = fmt.Sprint("value ", i)
		changes = append(changes, storetest.Put(where, "before"), storetest.Put(where, values[where]))
	}
	values["p/large"] = strings.Repeat("x", 512<<10)
	for range 5 {
		changes = append(changes, storetest.Put("p/large", values["p/large"]))
	}
	changes = append(changes, storetest.Put("q/gone", "x"), storetest.On(myvault.OpDelete, "q/gone"), storetest.Put("q/burnt", "x"), storetest.On(myvault.OpDestroy, "q/burnt"))
	if _, err := storetest.Apply(s, changes...); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestReencrypt(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s, other := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	values := many(t, s)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	epoch, err := s.NewEpoch(t.Context())
	is.NoErr(err)
	is.Equal(epoch, uint32(2))
	_, err = storetest.Apply(other, storetest.Put("p/new", "x")) // another process uses the new epoch at once
	is.NoErr(err)
	is.Equal(epochsOf(t, dir), map[uint32]int{1: 306, 2: 1})
	r := storetest.OpenRaw(t, dir, "vault.db")
	old := r.Blobs(`SELECT sealed FROM log WHERE seq < 200 UNION ALL SELECT wrapped FROM epoch WHERE epoch = 1`)
	r.Close()
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Earlier, uint64(306))

	done, err := s.Reencrypt(t.Context(), nil)
	is.NoErr(err)
	is.Equal(done, sqlite.Reencryption{Epoch: 2, Resealed: 306, Proven: true, Deleted: 1})
	is.Equal(done.String(), "epoch 2: 306 records sealed anew, 0 left under earlier keys, 1 earlier keys deleted")
	is.Equal(epochsOf(t, dir), map[uint32]int{2: 307})
	storetest.AreGone(t, dir, old)
	fresh := storetest.Open(t, dir, key)
	for where, want := range values {
		is.Equal(storetest.Value(t, s, where), want)
		is.Equal(storetest.Value(t, other, where), want)
		is.Equal(storetest.Value(t, fresh, where), want)
	}
	report, err = fresh.Verify(t.Context(), heads...)
	is.NoErr(err)
	is.Equal(report.Earlier, uint64(0))
	is.NoErr(fresh.Rekey(t.Context(), crypto.NewKey())) // a deleted key stays deleted
	_, err = fresh.Verify(t.Context())
	is.NoErr(err)
}

func TestReencryptResumes(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	many(t, s)
	_, err := s.NewEpoch(t.Context())
	is.NoErr(err)
	ctx, stop := context.WithCancel(t.Context())
	steps := 0
	done, err := s.Reencrypt(ctx, func(sqlite.Reencryption) {
		if steps++; steps == 2 {
			stop()
		}
	})
	is.True(errors.Is(err, context.Canceled))
	is.True(!done.Proven && done.Resealed > 0)
	is.Equal(epochsOf(t, dir)[1], 306-int(done.Resealed))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
	_, err = storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/000")) // an address already done
	is.NoErr(err)
	rest, err := storetest.Open(t, dir, key).Reencrypt(t.Context(), nil)
	is.NoErr(err)
	is.Equal(rest, sqlite.Reencryption{Epoch: 2, Resealed: 306 - done.Resealed, Proven: true, Deleted: 1})
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestVerifyReencryptedRecords checks that Verify authenticates a record that was sealed
// again by its row MAC.
func TestVerifyReencryptedRecords(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"no row MAC":             `DELETE FROM reseal WHERE seq = 1`,
		"another row MAC":        `UPDATE reseal SET mac = zeroblob(32) WHERE seq = 1`,
		"the row MAC of another": `UPDATE reseal SET mac = (SELECT mac FROM reseal WHERE seq = 2), digest = (SELECT digest FROM reseal WHERE seq = 2) WHERE seq = 1`,
		"the record of another":  `UPDATE log SET sealed = (SELECT sealed FROM log WHERE seq = 2) WHERE seq = 1; UPDATE reseal SET digest = (SELECT digest FROM reseal WHERE seq = 2) WHERE seq = 1`,
		"the record of before":   `UPDATE log SET sealed = (SELECT sealed FROM kept WHERE seq = 1) WHERE seq = 1`,
		"all the records before": `UPDATE log SET sealed = (SELECT sealed FROM kept WHERE kept.seq = log.seq); DELETE FROM reseal`,
		"the digest":             `UPDATE reseal SET digest = zeroblob(32) WHERE seq = 1`,
		"its key deleted":        `INSERT INTO epoch SELECT 3, wrapped, 3, 0 FROM epoch WHERE epoch = 2; UPDATE epoch SET wrapped = x'' WHERE epoch = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.Open(t, dir, key)
			_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
			is.NoErr(err)
			r := storetest.OpenRaw(t, dir, "vault.db")
			r.Exec(`CREATE TEMP TABLE kept AS SELECT seq, sealed FROM log`)
			_, err = s.NewEpoch(t.Context())
			is.NoErr(err)
			_, err = s.Reencrypt(t.Context(), nil)
			is.NoErr(err)
			_, err = s.Verify(t.Context())
			is.NoErr(err)
			r.Exec(sql)
			_, err = s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// TestReencryptRefusesAlteredRecord checks that a record that does not authenticate is not sealed
// again, and that its key is kept.
func TestReencryptRefusesAlteredRecord(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
	is.NoErr(err)
	_, err = s.NewEpoch(t.Context())
	is.NoErr(err)
	storetest.OpenRaw(t, dir, "vault.db").Exec(`UPDATE log SET sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB) WHERE seq = 2`)
	done, err := s.Reencrypt(t.Context(), nil)
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Seq, uint64(2))
	is.True(!done.Proven)
	is.Equal(epochsOf(t, dir)[1], 2)
}

// TestVerifyEpochOfRecords checks that a record has the epoch that was current when it was written,
// unless it is marked as sealed again.
func TestVerifyEpochOfRecords(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
	is.NoErr(err)
	for range 2 {
		_, err = s.NewEpoch(t.Context())
		is.NoErr(err)
	}
	_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	_, err = s.Verify(t.Context()) // an epoch without a record is valid
	is.NoErr(err)
	storetest.OpenRaw(t, dir, "vault.db").Exec(`UPDATE epoch SET first = 2 WHERE epoch = 2`)
	_, err = s.Verify(t.Context())
	var bad *sqlite.BadEntry
	is.True(errors.As(err, &bad))
	is.Equal(bad.Seq, uint64(2))
}
