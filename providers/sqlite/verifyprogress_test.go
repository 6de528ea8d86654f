package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestVerifyProgress checks that progress grows to its total, for a store, a backup, a restore and
// a trail.
func TestVerifyProgress(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "store"), keys, sqlite.Config{})
	is.NoErr(err)
	defer store.Close()
	for n := range 3000 { // several pages
		_, err := store.Apply(t.Context(), myvault.Commit{By: "svc", Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: fmt.Sprint("x", n%2000)}, Value: myvault.Text("v")},
		}})
		is.NoErr(err)
	}
	is.NoErr(store.Record(t.Context(), myvault.Entry{Service: "svc", Action: "read"}))
	backup := filepath.Join(dir, "backup")
	_, err = store.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	trail, err := sqlite.OpenTrail(t.Context(), filepath.Join(dir, "trail"), keys, sqlite.TrailConfig{})
	is.NoErr(err)
	defer trail.Close()
	is.NoErr(trail.Record(t.Context(), myvault.Entry{Service: "svc", Action: "read"}))
	for name, c := range map[string]struct {
		steps  int
		verify func(ctx context.Context) (sqlite.Report, error)
	}{
		"store":  {20, func(ctx context.Context) (sqlite.Report, error) { return store.Verify(ctx) }},
		"backup": {20, func(ctx context.Context) (sqlite.Report, error) { return sqlite.VerifyBackup(ctx, backup, keys) }},
		"restore": {20, func(ctx context.Context) (sqlite.Report, error) {
			return sqlite.Restore(ctx, backup, filepath.Join(dir, "restored"), keys, sqlite.Config{})
		}},
		"trail": {1, func(ctx context.Context) (sqlite.Report, error) { return trail.Verify(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var steps, last, all uint64
			_, err := c.verify(sqlite.WithVerifyProgress(t.Context(), func(done, total uint64) {
				is.True(done >= last && (steps == 0 || total == all))
				steps, last, all = steps+1, done, total
			}))
			is.NoErr(err)
			is.Equal(last, all)
			is.True(steps >= uint64(c.steps))
			t.Log(steps, all)
		})
	}
}
