package operate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestBackupOverwritesNothing covers an existing backup and an existing file of heads.
func TestBackupOverwritesNothing(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	is.NoErr(store.Close())
	t.Chdir(t.TempDir())
	t.Setenv("MYVAULT_ENV", "")
	t.Setenv("MYVAULT_DATA", dir)
	t.Setenv("MSA_MASTER_KEY", key.Text())
	out, err := printed(backup(t.Context(), "b", silent))
	is.NoErr(err)
	heads, err := os.ReadFile("b.heads")
	is.NoErr(err)
	is.Equal(string(heads), out)
	before, err := os.ReadFile("b")
	is.NoErr(err)
	_, err = backup(t.Context(), "b", silent)
	is.True(errors.Is(err, fs.ErrExist))
	is.NoErr(os.WriteFile("c.heads", []byte("of another"), 0o600))
	_, err = backup(t.Context(), "c", silent)
	is.True(errors.Is(err, fs.ErrExist))
	for name, want := range map[string][]byte{"b": before, "b.heads": heads, "c.heads": []byte("of another")} {
		got, err := os.ReadFile(name)
		is.NoErr(err)
		is.True(bytes.Equal(got, want))
	}
	_, err = os.Lstat("c")
	is.True(errors.Is(err, fs.ErrNotExist))
}
