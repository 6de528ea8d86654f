package wal_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestConflictWithUncommittedChange checks that a request that conflicts with another one of the
// same transaction fails with ErrUnavailable, not ErrExists, if the transaction is not committed.
// Else both IfAbsent would fail and nothing would be written.
func TestConflictWithUncommittedChange(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := storetest.Apply(s, storetest.Put("p/taken", "x"))
	is.NoErr(err)
	var first, second, third error
	both := func() {
		storetest.OneTransaction(t.Context(), storetest.RoomsOf(s).Vault.Writer,
			func() { _, third = storetest.Apply(s, storetest.Put("p/taken", "y", myvault.IfAbsent())) },
			func() { _, first = storetest.Apply(s, storetest.Put("p/lock", "mine", myvault.IfAbsent())) },
			func() { _, second = storetest.Apply(s, storetest.Put("p/lock", "mine", myvault.IfAbsent())) },
		)
	}
	d.Fail(storetest.Full("vault.db-wal"))
	both()
	is.True(errors.Is(first, myvault.ErrUnavailable))
	is.True(errors.Is(second, myvault.ErrUnavailable))
	is.True(!errors.Is(second, myvault.ErrExists) && !errors.Is(second, myvault.ErrUnknownOutcome))
	is.True(errors.Is(third, myvault.ErrExists)) // a conflict with a committed change
	d.Heal()
	_, err = s.Get(t.Context(), storetest.Addr("p/lock"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
	both()
	is.NoErr(first)
	is.True(errors.Is(second, myvault.ErrExists))
}

// TestOneFailureDoesNotFailItsBatch checks that concurrent commits share a sync, and that one that
// fails does not fail the others.
func TestOneFailureDoesNotFailItsBatch(t *testing.T) {
	is := is.New(t)
	f, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := storetest.Apply(s, storetest.Put("p/taken", "x"))
	is.NoErr(err)
	count, syncs := storetest.CountSyncs("vault.db-wal")
	f.Fail(count)
	const callers = 200
	var errs [callers]error
	var wait sync.WaitGroup
	for n := range callers {
		wait.Go(func() {
			if n%4 == 0 {
				_, errs[n] = storetest.Apply(s, storetest.Put(fmt.Sprintf("p/lost%d", n), "x"), storetest.Put("p/taken", "y", myvault.IfAbsent()))
				return
			}
			_, errs[n] = storetest.Apply(s, storetest.Put(fmt.Sprintf("p/a%d", n), "x"))
		})
	}
	wait.Wait()
	for n, err := range errs {
		if n%4 == 0 {
			is.True(errors.Is(err, myvault.ErrExists))
			_, err = s.Get(t.Context(), storetest.Addr(fmt.Sprintf("p/lost%d", n)), 0)
			is.True(errors.Is(err, myvault.ErrNotFound)) // all or nothing
			continue
		}
		is.NoErr(err)
	}
	t.Logf("%d commits in %d syncs", callers*3/4, syncs.Load())
	is.True(syncs.Load() < callers/2)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(1+callers*3/4))
}
