package main

import (
	"bytes"
	"os"
	"path/filepath"
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
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(key), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
}
