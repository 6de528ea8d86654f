package rowcache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestCacheIsBounded checks that the cache keeps to its limit and that hot secrets stay in it.
func TestCacheIsBounded(t *testing.T) {
	is := is.New(t)
	const limit = 64 << 10
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: limit})
	changes := []myvault.Change{storetest.Put("p/hot", "x"), storetest.Put("p/large", strings.Repeat("x", limit/8))}
	for n := range 1000 {
		changes = append(changes, storetest.Put(fmt.Sprint("p/secret", n), "a value"))
	}
	_, err := storetest.Apply(s, changes...)
	is.NoErr(err)
	get := func(where string) {
		t.Helper()
		_, err := s.Get(t.Context(), storetest.Addr(where), 0)
		is.NoErr(err)
	}
	for n := range 1000 {
		get("p/hot")
		get(fmt.Sprint("p/secret", n))
		_, err := s.Get(t.Context(), storetest.Addr(fmt.Sprint("p/missing", n)), 0)
		is.Equal(err, myvault.ErrNotFound)
	}
	rows, bytes := storetest.RoomsOf(s).Cache.Rows()
	is.True(bytes <= limit)
	is.True(rows > limit/512) // and it is used
	storetest.WithoutReaders(storetest.RoomsOf(s).Vault, func() { get("p/hot") })
	get("p/large") // too large a part of the cache
	after, _ := storetest.RoomsOf(s).Cache.Rows()
	is.Equal(after, rows)
}

func TestNoCache(t *testing.T) {
	is := is.New(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: -1})
	for _, value := range []string{"one", "two"} {
		_, err := storetest.Apply(s, storetest.Put("p/a", value))
		is.NoErr(err)
		for range 2 {
			secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), value)
		}
	}
}

// TestReadsOfMovedStoreFail checks that reads from the file fail once one of its files is gone.
func TestReadsOfMovedStoreFail(t *testing.T) {
	for _, file := range []string{"vault.db", "vault.db-wal", "vault.db-shm"} {
		t.Run(file, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := storetest.OpenWith(t, dir, crypto.NewKey(), storetest.OptionsOf(sqlite.Config{}).WithClock(storetest.Ticking()))
			_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
			is.NoErr(err)
			path := filepath.Join(dir, file)
			storetest.Must(t, os.Rename(path, path+"-gone"))
			_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable))
			_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable)) // and keeps failing
			storetest.Must(t, os.Rename(path+"-gone", path))
			_, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.NoErr(err)
		})
	}
}
