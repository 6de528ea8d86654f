package directory_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestTemporaryFilesAreRemoved checks that temporary files of an interrupted creation are removed,
// and that those of a running process stay.
func TestTemporaryFilesAreRemoved(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	stale, young := filepath.Join(dir, ".making-vault.db-1"), filepath.Join(dir, ".making-vault.db-2")
	storetest.WriteFile(t, stale, []byte("half a file"))
	storetest.WriteFile(t, stale+"-wal", []byte("half a log"))
	storetest.WriteFile(t, young, []byte("of another process"))
	for _, path := range []string{stale, stale + "-wal"} {
		is.NoErr(os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)))
	}
	claimed, err := directory.LockTemp(young)
	is.NoErr(err)
	defer claimed.Close()
	storetest.Open(t, dir, crypto.NewKey())
	is.Equal(slices.Sorted(maps.Keys(storetest.Files(t, dir))), []string{
		".making-vault.db-2", "access.db", "access.db-lock", "access.db-shm", "access.db-wal", "vault.db", "vault.db-lock", "vault.db-shm", "vault.db-wal",
	})
}
