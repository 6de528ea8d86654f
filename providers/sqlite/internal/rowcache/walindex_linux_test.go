//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package rowcache_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestWALIndexIsUsed(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	is.True(storetest.RoomsOf(s).Validator.UsesIndex())
	_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
	is.NoErr(err)
	is.True(storetest.RoomsOf(s).Validator.UsesIndex()) // the commit is visible in it
	is.True(storetest.RoomsOf(storetest.Open(t, dir, key)).Validator.UsesIndex())
	is.True(!storetest.RoomsOf(storetest.OpenWith(t, dir, key, storetest.OptionsOf(sqlite.Config{}).WithoutWALIndex())).Validator.UsesIndex())
}

// TestWALIndexIsChecked checks that a file is not used as WAL-index if SQLite does not share it, or
// if its header is not that of a known version.
func TestWALIndexIsChecked(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
	is.NoErr(err)
	real, err := os.ReadFile(filepath.Join(dir, "vault.db-shm"))
	is.NoErr(err)
	is.True(rowcache.ValidHeader(real))
	for bit := range 8 * 48 {
		wrong := append([]byte(nil), real...)
		wrong[48+bit/8] ^= 1 << (bit % 8)
		is.True(!rowcache.ValidHeader(wrong)) // the copies differ
		wrong[bit/8] ^= 1 << (bit % 8)
		is.True(!rowcache.ValidHeader(wrong)) // the checksum does not hold
	}
	copied := filepath.Join(t.TempDir(), "vault.db-shm")
	is.NoErr(os.WriteFile(copied, real, 0o600))
	is.True(!rowcache.OpensWALIndex(copied)) // a copy
	is.True(rowcache.OpensWALIndex(filepath.Join(dir, "vault.db-shm")))
	is.NoErr(os.WriteFile(copied, real[:95], 0o600))
	is.True(!rowcache.OpensWALIndex(copied)) // truncated
	is.NoErr(os.Remove(copied))
	is.NoErr(os.Symlink(filepath.Join(dir, "vault.db-shm"), copied))
	is.True(!rowcache.OpensWALIndex(copied)) // a link
}

// TestFrozenWALIndexIsDropped checks that a WAL-index that misses a commit is no longer used.
func TestFrozenWALIndexIsDropped(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	storetest.RoomsOf(s).Validator.Freeze()
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
	is.NoErr(err)
	is.True(!storetest.RoomsOf(s).Validator.UsesIndex())
	secret, err = s.Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
}
