package crash_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestFaultsDuringCreate fails each operation of creating a store. A file is published whole or
// not at all, so the next Open finds a store or creates one. SQLite hides errors of closing the
// new file.
func TestFaultsDuringCreate(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	key := sqlite.StaticKey(crypto.NewKey())
	failed := 0
	for at, more := 1, true; more; at++ {
		dir := filepath.Join(t.TempDir(), "store")
		disk := simdisk.NewUnrecorded(t, dir)
		config := storetest.OptionsOf(sqlite.Config{}).WithVFS(disk.Name).WithFsync(disk.Fsync)
		disk.Fail(simdisk.Fault{At: at, Reads: true})
		s, err := config.Open(t.Context(), dir, key)
		if err == nil {
			_ = s.Close() // Close may return the fault
		} else {
			failed++
			is.True(errors.Is(err, myvault.ErrUnavailable))
		}
		_, hit := disk.Operations()
		more = hit != ""
		disk.Mend()
		s, err = config.Open(t.Context(), dir, key)
		if err != nil {
			t.Fatalf("after a fault at operation %d, %s: %v", at, hit, err)
		}
		is.NoErr(s.Close())
	}
	t.Logf("creating a store failed at %d operations", failed)
	is.True(failed > 10)
}
