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

// TestLinkedFilesAreRefused checks that a file that is a symbolic link is refused: writes would go
// to the target.
func TestLinkedFilesAreRefused(t *testing.T) {
	key := crypto.NewKey()
	for _, name := range []string{"vault.db", "vault.db-wal", "vault.db-shm", "access.db", "access.db-wal", "access.db-shm"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, elsewhere := storetest.Crashed(t, key), t.TempDir()
			is.NoErr(os.Rename(filepath.Join(dir, name), filepath.Join(elsewhere, name)))
			is.NoErr(os.Symlink(filepath.Join(elsewhere, name), filepath.Join(dir, name)))
			before := storetest.Files(t, elsewhere)
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrForeign)
			is.Equal(storetest.Files(t, elsewhere), before)
		})
		t.Run(name+" to nothing", func(t *testing.T) {
			is := is.New(t)
			dir, elsewhere := t.TempDir(), t.TempDir()
			is.NoErr(os.Symlink(filepath.Join(elsewhere, name), filepath.Join(dir, name)))
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, sqlite.ErrForeign))
			is.Equal(len(storetest.Files(t, elsewhere)), 0) // nothing is created behind the link
			entries, err := os.ReadDir(dir)
			is.NoErr(err)
			is.Equal(len(entries), 1)
		})
	}
}

// TestLinkedDirectory checks that the directory itself may be a symbolic link.
func TestLinkedDirectory(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	link := filepath.Join(t.TempDir(), "link")
	is.NoErr(os.Symlink(storetest.Crashed(t, key), link))
	s := storetest.Open(t, link, key)
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.NoErr(err)
}

// TestFileBecomesLink checks that changes fail once a file is replaced by a link to itself.
func TestFileBecomesLink(t *testing.T) {
	is := is.New(t)
	dir, elsewhere := t.TempDir(), t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	is.NoErr(os.Rename(filepath.Join(dir, "vault.db"), filepath.Join(elsewhere, "vault.db")))
	is.NoErr(os.Symlink(filepath.Join(elsewhere, "vault.db"), filepath.Join(dir, "vault.db")))
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.True(errors.Is(err, myvault.ErrUnavailable))
}
