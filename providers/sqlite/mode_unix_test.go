//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// What the store makes is its owner's alone, whatever the umask.
func TestModes(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "new")
	s := open(t, dir, crypto.NewKey())
	_, err := apply(s, put("p/a", "x"))
	is.NoErr(err)
	info, err := os.Stat(dir)
	is.NoErr(err)
	is.Equal(info.Mode().Perm(), os.FileMode(0o700))
	for name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		is.NoErr(err)
		is.Equal(info.Mode().Perm(), os.FileMode(0o600)) // the mode of a file
	}
}

func TestExposedDirectoriesAreRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o720, 0o702, 0o770, 0o777} {
		t.Run(mode.String(), func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir := crashed(t, key)
			is.NoErr(os.Chmod(dir, mode))
			refused(t, dir, sqlite.StaticKey(key), sqlite.ErrExposed)
			is.NoErr(os.Chmod(dir, 0o755)) // others may read names; the files are still closed to them
			open(t, dir, key)
		})
	}
}

func TestExposedFilesAreRefused(t *testing.T) {
	key := crypto.NewKey()
	dir := crashed(t, key)
	for name := range files(t, dir) {
		if strings.HasPrefix(name, ".") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			path := filepath.Join(dir, name)
			is.NoErr(os.Chmod(path, 0o620))
			refused(t, dir, sqlite.StaticKey(key), sqlite.ErrExposed)
			is.NoErr(os.Chmod(path, 0o600))
		})
	}
}
