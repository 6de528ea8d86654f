package move

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// tree returns the digests of all files below a directory.
func tree(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	files := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			files[path] = [32]byte{}
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = sha256.Sum256(text)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// TestDryRunToVaultWritesNothing checks Vault, the directory of the trail, and the source.
func TestDryRunToVaultWritesNothing(t *testing.T) {
	is := is.New(t)
	server := vault(t)
	key := crypto.NewKey()
	above := t.TempDir()
	data := filepath.Join(above, "data")
	store, err := sqlite.Open(t.Context(), data, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	_, err = store.Apply(t.Context(), myvault.Commit{By: "svc", At: time.Now(), Changes: []myvault.Change{
		{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: "prod/x"}, Value: myvault.Text("the value")},
	}})
	is.NoErr(err)
	is.NoErr(store.Close())
	real, err := url.Parse(server.Address)
	is.NoErr(err)
	var writes []string
	proxy := httputil.NewSingleHostReverseProxy(real)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" && r.Method != "LIST" && !strings.HasSuffix(r.URL.Path, "sys/capabilities-self") {
			writes = append(writes, r.Method+" "+r.URL.Path)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	local := side(t, "MYVAULT_DATA="+data, "MSA_MASTER_KEY="+key.Text())
	far := side(t, "MYVAULT_PROVIDER=hashivault", "VAULT_ADDR="+front.URL, "VAULT_TOKEN="+server.Token,
		"MYVAULT_DATA="+filepath.Join(above, "trail"), "MSA_MASTER_KEY="+key.Text())
	before := tree(t, above)

	out, _, err := runMove(t, "--from", local, "--to", far, "--dry-run")
	is.NoErr(err)
	is.True(strings.HasPrefix(out, "1 projects, 1 secrets, 1 versions in the source; 1 versions to write\n"))
	is.Equal(writes, nil)
	is.Equal(tree(t, above), before)

	_, _, err = runMove(t, "--from", far, "--to", local, "--dry-run") // a missing source is not created
	is.True(err != nil)
	is.True(strings.Contains(err.Error(), "VAULT_BASE"))
	is.Equal(writes, nil)
	is.Equal(tree(t, above), before)

	_, _, err = runMove(t, "--from", local, "--to", far)
	is.NoErr(err)
	is.True(len(writes) > 0) // the proxy sees writes
	_, err = os.Stat(filepath.Join(above, "trail", "access.db"))
	is.NoErr(err)
}

// TestDryRunToStoreWritesNothing checks the target and the source with its trail.
func TestDryRunToStoreWritesNothing(t *testing.T) {
	is := is.New(t)
	key, above := crypto.NewKey(), t.TempDir()
	var sides []string
	for _, name := range []string{"from", "to"} {
		dir := filepath.Join(above, name)
		store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.NoErr(err)
		if name == "from" {
			_, err = store.Apply(t.Context(), myvault.Commit{By: "svc", At: time.Now(), Changes: []myvault.Change{
				{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: "prod/x"}, Value: myvault.Text("the value")},
			}})
			is.NoErr(err)
		}
		is.NoErr(store.Close())
		sides = append(sides, side(t, "MYVAULT_DATA="+dir, "MSA_MASTER_KEY="+key.Text()))
	}
	before := tree(t, above)
	_, _, err := runMove(t, "--from", sides[0], "--to", sides[1], "--dry-run")
	is.NoErr(err)
	is.Equal(tree(t, above), before)
}
