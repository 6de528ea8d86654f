//go:build unix

package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// Another user who owns the directory, or a file in it, can change it at will.
func TestWhatBelongsToAnotherUserIsRefused(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := closed(t, key)
	me := os.Geteuid()
	another := sqlite.Config{}.WithUser(func() int { return me + 4711 })
	before := files(t, dir)
	_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), another)
	is.True(errors.Is(err, sqlite.ErrExposed))
	is.True(strings.Contains(err.Error(), "chown"))
	is.Equal(files(t, dir), before)
	fresh := filepath.Join(t.TempDir(), "fresh")
	_, err = sqlite.Open(t.Context(), fresh, sqlite.StaticKey(key), another)
	is.True(errors.Is(err, sqlite.ErrExposed)) // the test's user makes it, for another one
	is.Equal(len(files(t, fresh)), 0)
	asked := 0
	ofFiles := sqlite.Config{}.WithUser(func() int { // the directory's owner, but not that of the files
		asked++
		return me + 4711*min(asked-1, 1)
	})
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), ofFiles)
	is.True(errors.Is(err, sqlite.ErrExposed))
	is.True(strings.Contains(err.Error(), "vault.db"))
	s := openWith(t, dir, key, sqlite.Config{}.WithUser(func() int { return 0 })) // root may
	is.NoErr(s.Close())
	s = openWith(t, dir, key, sqlite.Config{}.WithUser(func() int { return me }))
	is.NoErr(s.Close())
}

// Who may use whose files.
func TestOwners(t *testing.T) {
	is := is.New(t)
	info := owned{uid: 4711}
	is.True(errors.Is(sqlite.CheckOwner(info, 1000), sqlite.ErrExposed))
	is.NoErr(sqlite.CheckOwner(info, 4711))
	is.NoErr(sqlite.CheckOwner(info, 0))
	is.NoErr(sqlite.CheckOwner(owned{uid: 0}, 0))
	is.True(errors.Is(sqlite.CheckOwner(owned{uid: 0}, 1000), sqlite.ErrExposed))
}

// owned is the FileInfo of a file of some user.
type owned struct {
	os.FileInfo
	uid uint32
}

func (o owned) Sys() any   { return &syscall.Stat_t{Uid: o.uid} }
func (owned) Name() string { return "vault.db" }
