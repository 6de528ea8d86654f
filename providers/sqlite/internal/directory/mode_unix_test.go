//go:build unix

package directory_test

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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestModes checks that new files and directories are accessible to their owner only.
func TestModes(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "new")
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
	is.NoErr(err)
	info, err := os.Stat(dir)
	is.NoErr(err)
	is.Equal(info.Mode().Perm(), os.FileMode(0o700))
	for name := range storetest.Files(t, dir) {
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
			dir := storetest.Crashed(t, key)
			is.NoErr(os.Chmod(dir, mode))
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrExposed)
			is.NoErr(os.Chmod(dir, 0o755)) // others may list the directory, but not read the files
			storetest.Open(t, dir, key)
		})
	}
}

func TestExposedFilesAreRefused(t *testing.T) {
	key := crypto.NewKey()
	dir := storetest.Crashed(t, key)
	for name := range storetest.Files(t, dir) {
		if strings.HasPrefix(name, ".") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			path := filepath.Join(dir, name)
			is.NoErr(os.Chmod(path, 0o620))
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrExposed)
			is.NoErr(os.Chmod(path, 0o600))
		})
	}
}

// TestFilesOfAnotherUserAreRefused checks that Open fails, also as root, if another user owns the
// directory, its parent or a file. It creates nothing, so that the owner is not locked out.
func TestFilesOfAnotherUserAreRefused(t *testing.T) {
	roottest.Require(t)
	key := crypto.NewKey()
	above := t.TempDir()
	dir := filepath.Join(above, "data")
	is := is.New(t)
	is.NoErr(os.CopyFS(dir, os.DirFS(storetest.Crashed(t, key))))
	paths := []string{above, dir}
	for name := range storetest.Files(t, dir) {
		is.NoErr(os.Chmod(filepath.Join(dir, name), 0o600))
		paths = append(paths, filepath.Join(dir, name))
	}
	is.NoErr(os.Chmod(dir, 0o700))
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			is := is.New(t)
			is.NoErr(os.Chown(path, 4711, 4711))
			before := storetest.Files(t, dir)
			_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, sqlite.ErrExposed))
			is.True(strings.Contains(err.Error(), "chown") && strings.Contains(err.Error(), path))
			is.Equal(storetest.Files(t, dir), before)
			is.NoErr(os.Chown(path, 0, 0))
		})
	}
	storetest.Open(t, dir, key)
}

// TestNoStoreBelowWritableDirectory checks that no store is created where another user could
// replace it.
func TestNoStoreBelowWritableDirectory(t *testing.T) {
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
