package directory_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestOddDirectories opens stores in directories whose names have a meaning in a URI.
func TestOddDirectories(t *testing.T) {
	for _, name := range []string{"a directory", "a+b", "100%25", "what?", "a#b", "a&modeof=b", "日本 語", "a=b;c", "'quoted\""} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := filepath.Join(t.TempDir(), name)
			store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
			is.NoErr(err)
			_, err = store.Apply(t.Context(), myvault.Commit{By: "svc", Changes: []myvault.Change{
				{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: "x"}, Value: myvault.Text("v")},
			}})
			is.NoErr(err)
			is.NoErr(store.Close())
			_, err = os.Stat(filepath.Join(dir, "vault.db"))
			is.NoErr(err) // in this directory
			around, err := os.ReadDir(filepath.Dir(dir))
			is.NoErr(err)
			is.Equal(len(around), 1) // and nowhere else
		})
	}
}
