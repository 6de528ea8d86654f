package sqlite_test

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
)

// TestCacheIsBounded checks that the cache keeps to its limit and that hot secrets stay in it.
func TestCacheIsBounded(t *testing.T) {
	is := is.New(t)
	const limit = 64 << 10
	s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: limit})
	changes := []myvault.Change{put("p/hot", "x"), put("p/large", strings.Repeat("x", limit/8))}
	for n := range 1000 {
		changes = append(changes, put(fmt.Sprint("p/secret", n), "a value"))
	}
	_, err := apply(s, changes...)
	is.NoErr(err)
	get := func(where string) {
		t.Helper()
		_, err := s.Get(t.Context(), addr(where), 0)
		is.NoErr(err)
	}
	for n := range 1000 {
		get("p/hot")
		get(fmt.Sprint("p/secret", n))
		_, err := s.Get(t.Context(), addr(fmt.Sprint("p/missing", n)), 0)
		is.Equal(err, myvault.ErrNotFound)
	}
	rows, bytes := s.Cached()
	is.True(bytes <= limit)
	is.True(rows > limit/512) // and it is used
	s.WithoutReaders(func() { get("p/hot") })
	get("p/large") // too large a part of the cache
	after, _ := s.Cached()
	is.Equal(after, rows)
}

func TestNoCache(t *testing.T) {
	is := is.New(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: -1})
	for _, value := range []string{"one", "two"} {
		_, err := apply(s, put("p/a", value))
		is.NoErr(err)
		for range 2 {
			secret, err := s.Get(t.Context(), addr("p/a"), 0)
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
			s := openWith(t, dir, crypto.NewKey(), sqlite.OptionsOf(sqlite.Config{}).WithClock(ticking()))
			_, err := apply(s, put("p/a", "v"))
			is.NoErr(err)
			path := filepath.Join(dir, file)
			must(t, os.Rename(path, path+"-gone"))
			_, err = s.Get(t.Context(), addr("p/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable))
			_, err = s.Get(t.Context(), addr("p/a"), 0)
			is.True(errors.Is(err, myvault.ErrUnavailable)) // and keeps failing
			must(t, os.Rename(path+"-gone", path))
			_, err = s.Get(t.Context(), addr("p/a"), 0)
			is.NoErr(err)
		})
	}
}
