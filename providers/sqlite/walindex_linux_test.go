//go:build linux && !sqlite3_flock && !sqlite3_dotlk

package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func TestWALIndexIsUsed(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	is.True(s.UsesWALIndex())
	_, err := apply(s, put("p/a", "v"))
	is.NoErr(err)
	is.True(s.UsesWALIndex()) // the commit is visible in it
	is.True(open(t, dir, key).UsesWALIndex())
	is.True(!openWith(t, dir, key, sqlite.OptionsOf(sqlite.Config{}).WithoutWALIndex()).UsesWALIndex())
}

// TestWALIndexIsChecked checks that a file is not used as WAL-index if SQLite does not share it, or
// if its header is not that of a known version.
func TestWALIndexIsChecked(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := open(t, dir, crypto.NewKey())
	_, err := apply(s, put("p/a", "v"))
	is.NoErr(err)
	real, err := os.ReadFile(filepath.Join(dir, "vault.db-shm"))
	is.NoErr(err)
	is.True(sqlite.ValidHeader(real))
	for bit := range 8 * 48 {
		wrong := append([]byte(nil), real...)
		wrong[48+bit/8] ^= 1 << (bit % 8)
		is.True(!sqlite.ValidHeader(wrong)) // the copies differ
		wrong[bit/8] ^= 1 << (bit % 8)
		is.True(!sqlite.ValidHeader(wrong)) // the checksum does not hold
	}
	copied := filepath.Join(t.TempDir(), "vault.db-shm")
	is.NoErr(os.WriteFile(copied, real, 0o600))
	is.True(!sqlite.OpensWALIndex(copied)) // a copy
	is.True(sqlite.OpensWALIndex(filepath.Join(dir, "vault.db-shm")))
	is.NoErr(os.WriteFile(copied, real[:95], 0o600))
	is.True(!sqlite.OpensWALIndex(copied)) // truncated
	is.NoErr(os.Remove(copied))
	is.NoErr(os.Symlink(filepath.Join(dir, "vault.db-shm"), copied))
	is.True(!sqlite.OpensWALIndex(copied)) // a link
}

// TestFrozenWALIndexIsDropped checks that a WAL-index that misses a commit is no longer used.
func TestFrozenWALIndexIsDropped(t *testing.T) {
	is := is.New(t)
	s := open(t, t.TempDir(), crypto.NewKey())
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	s.FreezeWALIndex()
	secret, err := s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "one")
	_, err = apply(s, put("p/a", "two"))
	is.NoErr(err)
	is.True(!s.UsesWALIndex())
	secret, err = s.Get(t.Context(), addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")
}
