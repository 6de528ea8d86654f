package sqlite_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

var update = flag.Bool("update", false, "write testdata/format-2 anew; only while the format may still change")

// releasedKey is the master key of the stores in testdata. It protects nothing.
const releasedKey = "base64:bXlWYXVsdCB0ZXN0ZGF0YSBrZXksIG5vIHNlY3JldCE="

// released says what the stores in testdata hold.
var released = []struct {
	path   string
	puts   int
	delete bool
}{
	{"prod/db", 3, false}, {"本番/パスワード", 1, false}, {"prod/deleted", 2, true}, {"prod/a b:c", 1, false},
}

// TestReleasedFormatsOpen opens a copy of a store of each format that was ever released.
func TestReleasedFormatsOpen(t *testing.T) {
	if *update {
		writeReleased(t, "testdata/format-2")
	}
	dirs, err := filepath.Glob("testdata/format-*")
	if err != nil || len(dirs) != 2 {
		t.Fatalf("%d directories of testdata, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			is := is.New(t)
			copied := t.TempDir()
			is.NoErr(os.CopyFS(copied, os.DirFS(dir)))
			for _, name := range []string{"vault.db", "access.db"} {
				is.NoErr(os.Chmod(filepath.Join(copied, name), 0o600)) // a checkout has no modes
			}
			store := openReleased(t, copied)
			defer store.Close()
			for _, want := range released {
				addr := myvault.Address{Project: "newsbot", Path: want.path}
				secret, err := store.Get(t.Context(), addr, 0)
				if want.delete {
					is.True(err != nil)
					continue
				}
				is.NoErr(err)
				is.Equal(secret.Version, myvault.Version(want.puts))
				is.Equal(secret.Value.Reveal(), fmt.Sprintf("%s version %d", want.path, want.puts))
			}
			report, err := store.Verify(t.Context())
			is.NoErr(err)
			is.True(fmt.Sprint(report) != "")
			_, err = store.NewEpoch(t.Context()) // what came later works on it too
			is.NoErr(err)
			done, err := store.Reencrypt(t.Context(), nil)
			is.NoErr(err)
			is.Equal(done.Resealed, report.Records)
			_, err = store.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 1}, nil)
			is.NoErr(err)
			is.NoErr(store.Rekey(t.Context(), crypto.NewKey()))
			_, err = store.Verify(t.Context(), report.Heads...)
			is.NoErr(err)
		})
	}
}

func openReleased(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	key, err := crypto.ParseKey(releasedKey)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func writeReleased(t *testing.T, dir string) {
	t.Helper()
	is := is.New(t)
	is.NoErr(os.RemoveAll(dir))
	store := openReleased(t, dir)
	apply := func(c myvault.Change) {
		_, err := store.Apply(t.Context(), myvault.Commit{By: "svc", At: time.Now(), Changes: []myvault.Change{c}})
		is.NoErr(err)
	}
	for _, s := range released {
		addr := myvault.Address{Project: "newsbot", Path: s.path}
		for n := range s.puts {
			apply(myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(fmt.Sprintf("%s version %d", s.path, n+1))})
		}
		if s.delete {
			apply(myvault.Change{Op: myvault.OpDelete, Address: addr})
		}
	}
	for range 3 {
		is.NoErr(store.Record(t.Context(), myvault.Entry{At: time.Now(), Service: "svc", Action: "read", Outcome: myvault.OutcomeOK, Count: 1}))
	}
	_, err := store.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = store.Reencrypt(t.Context(), nil)
	is.NoErr(err)
	_, err = store.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2}, nil)
	is.NoErr(err)
	apply(myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: "prod/later"}, Value: myvault.Text("later")})
	is.NoErr(store.Close())
}
