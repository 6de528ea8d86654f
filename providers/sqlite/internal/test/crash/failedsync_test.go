package crash_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestDiskFull(t *testing.T) {
	is := is.New(t)
	f, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	f.Fail(func(operation, name string) error {
		if operation == "write" && name == "vault.db-wal" {
			return sqlite3.FULL
		}
		return nil
	})
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	f.Heal()
	infos, err := storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(2))
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// After a failed fsync the content of the disk is unknown. The store reports that and refuses
// further changes until it is reopened.
func TestFailedSync(t *testing.T) {
	is := is.New(t)
	f, c := storetest.FaultyDisk(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, c)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	f.Fail(storetest.FailingSync("vault.db-wal"))
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.True(errors.Is(err, myvault.ErrUnknownOutcome))
	f.Heal()
	for range 3 {
		_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	}
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.NoErr(s.Close())
	s = storetest.OpenWith(t, dir, key, c)
	_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "three")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestEveryCommitIsSynced checks that a change is synced before it is acknowledged.
func TestEveryCommitIsSynced(t *testing.T) {
	is := is.New(t)
	f, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	count, syncs := storetest.CountSyncs("vault.db-wal")
	f.Fail(count)
	for n := range 5 {
		before := syncs.Load()
		_, err := storetest.Apply(s, storetest.Put("p/a", fmt.Sprint(n)))
		is.NoErr(err)
		is.True(syncs.Load() > before)
	}
}
