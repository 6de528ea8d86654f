//go:build unix

package directory_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

var storeFiles = []string{"vault.db", "vault.db-wal", "vault.db-shm", "access.db", "access.db-wal", "access.db-shm"}

// TestHardLinksAreRefused checks that a file with two names is not opened: two stores on one file
// under different names lose each other's changes.
func TestHardLinksAreRefused(t *testing.T) {
	key := crypto.NewKey()
	for _, name := range storeFiles {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, two := storetest.Crashed(t, key), t.TempDir()
			is.NoErr(os.Link(filepath.Join(dir, name), filepath.Join(two, name)))
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrForeign)
			is.NoErr(os.Remove(filepath.Join(two, name)))
			_, err := storetest.Open(t, dir, key).Verify(t.Context())
			is.NoErr(err)
		})
	}
	t.Run("the lock", func(t *testing.T) {
		is := is.New(t)
		dir := t.TempDir()
		s := storetest.Open(t, dir, key)
		_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
		is.NoErr(err)
		is.NoErr(s.Close())
		if _, err := os.Lstat(filepath.Join(dir, "vault.db-lock")); err != nil {
			t.Skip("there is no such file on this system")
		}
		is.NoErr(os.Link(filepath.Join(dir, "vault.db-lock"), filepath.Join(dir, "kept")))
		storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrForeign)
	})
}

// TestHardLinkWhileOpen checks that a link made while the store is open stops it until the link is
// removed.
func TestHardLinkWhileOpen(t *testing.T) {
	for _, name := range storeFiles {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), name)
			s := storetest.Open(t, dir, crypto.NewKey())
			_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
			is.NoErr(err)
			storetest.Record(t, s, 1)
			is.NoErr(os.Link(filepath.Join(dir, name), elsewhere))
			is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
			_, changed := storetest.Apply(s, storetest.Put("p/a", "y"))
			entered := s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At})
			is.True(errors.Is(errors.Join(changed, entered), myvault.ErrUnavailable))
			is.NoErr(os.Remove(elsewhere))
			_, err = storetest.Apply(s, storetest.Put("p/a", "z"))
			is.NoErr(err)
			is.NoErr(s.Ping(t.Context()))
		})
	}
}

// TestTemporaryNameIsAllowed checks that a store opens if a file also has the temporary name of a
// process that was killed while creating it.
func TestTemporaryNameIsAllowed(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	is.NoErr(storetest.Open(t, dir, key).Close())
	is.NoErr(os.Link(filepath.Join(dir, "vault.db"), filepath.Join(dir, ".making-vault.db-1")))
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.NoErr(err)
	is.NoErr(os.Link(filepath.Join(dir, "vault.db"), filepath.Join(dir, "other.db")))
	_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
}
