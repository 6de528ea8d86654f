package sqlite_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestStaleRowIsNotCached checks that a row read before a change does not enter the cache after it.
func TestStaleRowIsNotCached(t *testing.T) {
	for name, c := range storetest.CacheChecks {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			a, b := storetest.OpenWith(t, dir, key, c), storetest.OpenWith(t, dir, key, c)
			_, err := storetest.Apply(a, storetest.Put("p/x", "old"), storetest.Put("p/y", "y"))
			is.NoErr(err)
			is.NoErr(a.GetAround(t.Context(), storetest.Addr("p/x"), func() {
				_, err := storetest.Apply(b, storetest.Put("p/x", "new"))
				is.NoErr(err)
				_, err = a.Get(t.Context(), storetest.Addr("p/y"), 0) // notices the change
				is.NoErr(err)
			}))
			secret, err := a.Get(t.Context(), storetest.Addr("p/x"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "new")
		})
	}
}
