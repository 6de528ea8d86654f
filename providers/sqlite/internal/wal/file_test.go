package wal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestOutOfMemory checks that a panic of SQLite without memory becomes an error, and that the next
// call uses another connection.
func TestOutOfMemory(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	large := strings.Repeat("v", myvault.MaxValue)
	_, err := storetest.Apply(s, storetest.Put("p/large", large), storetest.Put("p/a", "one"))
	is.NoErr(err)
	is.NoErr(storetest.RoomsOf(s).Vault.LimitMemory(200 << 10))
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"), storetest.Put("p/large", large))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	_, err = storetest.Apply(s, storetest.Put("p/large", large))
	is.NoErr(err)
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one") // the whole commit was undone
	for range 2 {
		if secret, err = s.Get(t.Context(), storetest.Addr("p/large"), 0); err == nil {
			break
		}
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), large)
	for range 2 { // the pool may return the limited connection only here
		if _, err = s.Verify(t.Context()); err == nil {
			break
		}
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
	is.NoErr(err)
}

func TestSynchronousIsFull(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	vault, err := storetest.RoomsOf(s).Vault.Synchronous()
	is.NoErr(err)
	access, err := storetest.RoomsOf(s).Trail.File.Synchronous()
	is.NoErr(err)
	is.True(len(vault) >= 3) // the writer and at least two readers
	for _, level := range vault {
		is.Equal(level, "2") // FULL
	}
	for _, level := range access {
		is.Equal(level, "1") // NORMAL: the trail is synced within 100 ms
	}
}

// TestSynchronousIsChecked checks that a connection with too low a synchronous level is not used.
func TestSynchronousIsChecked(t *testing.T) {
	is := is.New(t)
	f, c := storetest.FaultyDisk(t)
	dir, key := t.TempDir(), crypto.NewKey()
	f.Lie(true)
	_, err := c.Open(t.Context(), dir, sqlite.StaticKey(key))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	f.Lie(false)
	is.NoErr(storetest.OpenWith(t, dir, key, c).Close())
	s := storetest.OpenWith(t, dir, key, c)
	f.Lie(true)
	_, err = storetest.Apply(s, storetest.Put("p/a", "v")) // the writer's connection is opened for the first change
	is.True(errors.Is(err, myvault.ErrUnavailable))
	f.Lie(false)
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = storetest.Apply(s, storetest.Put("p/a", "v"))
	is.NoErr(err)
}
