//go:build unix

package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/roottest"
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

// Another user who owns the directory, a directory above it or a file in it can change it at will,
// also when the process is root. Nothing is made, so that the owner is not locked out.
func TestWhatBelongsToAnotherUserIsRefused(t *testing.T) {
	roottest.Require(t)
	key := crypto.NewKey()
	above := t.TempDir()
	dir := filepath.Join(above, "data")
	is := is.New(t)
	is.NoErr(os.CopyFS(dir, os.DirFS(crashed(t, key))))
	paths := []string{above, dir}
	for name := range files(t, dir) {
		is.NoErr(os.Chmod(filepath.Join(dir, name), 0o600))
		paths = append(paths, filepath.Join(dir, name))
	}
	is.NoErr(os.Chmod(dir, 0o700))
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			is := is.New(t)
			is.NoErr(os.Chown(path, 4711, 4711))
			before := files(t, dir)
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, sqlite.ErrExposed))
			is.True(strings.Contains(err.Error(), "chown") && strings.Contains(err.Error(), path))
			is.Equal(files(t, dir), before)
			is.NoErr(os.Chown(path, 0, 0))
		})
	}
	open(t, dir, key)
}

// A new store is not made where another user could replace it.
func TestNoStoreIsMadeBelowAnOpenDirectory(t *testing.T) {
	is := is.New(t)
	above := t.TempDir()
	is.NoErr(os.Chmod(above, 0o777))
	_, err := sqlite.Open(t.Context(), filepath.Join(above, "a/data"), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, sqlite.ErrExposed))
	is.True(strings.Contains(err.Error(), "chmod go-w "+above))
	left, err := os.ReadDir(above)
	is.NoErr(err)
	is.Equal(len(left), 0)
}
