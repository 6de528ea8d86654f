package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func TestDecryptReadsAStore(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	values := map[string]string{"prod/db": "hunter2", "本番/パスワード": "ひみつ", "prod/binary": "\x00\xff\n", "prod/large": strings.Repeat("x", myvault.MaxValue)}
	for path, value := range values {
		for _, v := range []string{"an older version", value} {
			_, err := store.Apply(t.Context(), myvault.Commit{By: "svc", Changes: []myvault.Change{
				{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: path}, Value: myvault.Text(v)},
			}})
			is.NoErr(err)
		}
	}
	file := filepath.Join(dir, "vault.db")
	for _, open := range []bool{true, false} { // with a write-ahead log, and without
		if !open {
			is.NoErr(store.Close())
		}
		before := names(t, dir)
		for path, want := range values {
			got, err := decrypt(file, key.Text(), "newsbot", path)
			is.NoErr(err)
			is.Equal(string(got), want)
		}
		is.Equal(names(t, dir), before) // no new files
	}
	_, err = decrypt(file, crypto.NewKey().Text(), "newsbot", "prod/db")
	is.True(err != nil && strings.Contains(err.Error(), "wrong master key"))
	_, err = decrypt(file, key.Text(), "newsbot", "prod/none")
	is.True(err != nil)
}

// names returns the names of the files in a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func TestDecryptDoesNotImportMyVault(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile("main.go")
	is.NoErr(err)
	is.True(!strings.Contains(string(text), `"github.com/myswiftagent/`))
}
