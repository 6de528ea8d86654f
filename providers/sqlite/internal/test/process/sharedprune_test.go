package process_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestAnotherProcessPrunes checks that a process continues after another one has pruned up to or
// beyond the newest entry known to it.
func TestAnotherProcessPrunes(t *testing.T) {
	for _, beyond := range []uint64{0, 1} {
		is := is.New(t)
		dir, key := t.TempDir(), crypto.NewKey()
		s, other := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
		storetest.Record(t, s, 3)
		known := lastEntry(t, s)
		storetest.Record(t, other, 3)
		_, err := other.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: known + beyond}, nil)
		is.NoErr(err)
		storetest.Record(t, s, 1)
		_, err = s.Verify(t.Context())
		is.NoErr(err)
	}
}

// lastEntry returns the sequence of the newest access entry.
func lastEntry(t *testing.T, s *sqlite.Store) uint64 {
	t.Helper()
	heads, err := s.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return heads[1].Seq
}
