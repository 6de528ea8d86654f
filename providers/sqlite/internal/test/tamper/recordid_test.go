package tamper_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestRecordIsBoundToAddress checks that a record exchanged with another does not open: it is bound
// to its address and version.
func TestRecordIsBoundToAddress(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "of a"), storetest.Put("p/b", "of b"), storetest.Put("q/a", "of another project"), storetest.Put("p/a", "of version 2"))
	is.NoErr(err)
	file := storetest.OpenRaw(t, dir, "vault.db")
	records := file.Blobs(`SELECT sealed FROM log ORDER BY seq`)
	is.Equal(len(records), 4)
	for seq := 1; seq < 4; seq++ {
		stmt, _, err := file.DB.Prepare(`UPDATE log SET sealed = ?1 WHERE seq = 4`)
		is.NoErr(err)
		is.NoErr(stmt.BindBlob(1, records[seq-1]))
		is.NoErr(stmt.Exec())
		is.NoErr(stmt.Close())
		secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
		if err == nil {
			t.Fatalf("a record was read in another place: it is %s", secret.Value.Reveal())
		}
		is.True(errors.Is(err, myvault.ErrTampered))
	}
}
