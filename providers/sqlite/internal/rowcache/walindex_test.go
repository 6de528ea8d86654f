package rowcache_test

import (
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestWALIndexStaysInUse checks that the store still uses the WAL-index after operations of an
// operator. Their transactions may change nothing and then do not show in it.
func TestWALIndexStaysInUse(t *testing.T) {
	operations := map[string]func(*testing.T, *sqlite.Store) error{
		"backup": func(t *testing.T, s *sqlite.Store) error {
			_, err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), nil)
			return err
		},
		"rekey": func(t *testing.T, s *sqlite.Store) error { return s.Rekey(t.Context(), crypto.NewKey()) },
		"reencrypt": func(t *testing.T, s *sqlite.Store) error {
			_, err := s.Reencrypt(t.Context(), nil)
			return err
		},
		"prune": func(t *testing.T, s *sqlite.Store) error {
			_, err := s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 1}, nil)
			return err
		},
		"no change": func(t *testing.T, s *sqlite.Store) error {
			_, err := s.Apply(t.Context(), myvault.Commit{At: storetest.At})
			return err
		},
	}
	for name, operate := range operations {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s := storetest.Open(t, t.TempDir(), crypto.NewKey())
			used := storetest.RoomsOf(s).Validator.UsesIndex()
			_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
			is.NoErr(err)
			is.Equal(storetest.RoomsOf(s).Validator.UsesIndex(), used)
			is.NoErr(operate(t, s))
			is.Equal(storetest.RoomsOf(s).Validator.UsesIndex(), used)
		})
	}
}
