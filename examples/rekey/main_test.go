package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// A server over HashiCorp Vault has a trail alone here.
func TestRekeyATrailAlone(t *testing.T) {
	is := is.New(t)
	dir, old, key := t.TempDir(), crypto.NewKey(), crypto.NewKey()
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	file := filepath.Join(t.TempDir(), "new.key")
	is.NoErr(os.WriteFile(file, []byte(key.Text()+"\n"), 0o600))
	t.Chdir(t.TempDir())
	t.Setenv("MYVAULT_ENV", "")
	t.Setenv("MYVAULT_DATA", dir)
	t.Setenv("MSA_MASTER_KEY", old.Text())
	var out bytes.Buffer
	is.True(rekey(t.Context(), &out, file, true) != nil) // it has no data keys
	is.NoErr(rekey(t.Context(), &out, file, false))
	is.Equal(out.String(), changed+"\n")
	is.True(strings.Contains(changed, "backups made before need the old key: keep it"))
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(key), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
}

// The key in force is no change: who thinks that it was one would throw the wrong key away.
func TestRekeyToTheKeyInForce(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	file := filepath.Join(t.TempDir(), "same.key")
	is.NoErr(os.WriteFile(file, []byte(key.Text()+"\n"), 0o600))
	t.Chdir(t.TempDir())
	t.Setenv("MYVAULT_ENV", "")
	t.Setenv("MYVAULT_DATA", dir)
	t.Setenv("MSA_MASTER_KEY_FILE", file)
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(key), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	var out bytes.Buffer
	is.True(errors.Is(rekey(t.Context(), &out, file, false), errInForce)) // a trail alone
	dir = t.TempDir()
	t.Setenv("MYVAULT_DATA", dir)
	store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	is.NoErr(store.Close())
	is.True(errors.Is(rekey(t.Context(), &out, file, false), errInForce))
	is.Equal(out.String(), "")
	is.NoErr(rekey(t.Context(), &out, file, true)) // the data keys are new all the same
	is.True(!strings.Contains(out.String(), changed))
}
