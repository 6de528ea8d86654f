package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// keyed is a store with its key file, its backups and every key that must not be lost.
type keyed struct {
	t       *testing.T
	dir     string
	file    string
	keys    map[string]bool // texts of all keys used so far
	backups []string
}

func newKeyed(t *testing.T) *keyed {
	k := &keyed{t: t, dir: filepath.Join(t.TempDir(), "data"), keys: map[string]bool{}}
	k.file = filepath.Join(t.TempDir(), "master.key")
	key := crypto.NewKey()
	if err := os.WriteFile(k.file, []byte(key.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := k.open()
	if _, err := storetest.Apply(s, storetest.Put("p/a", "one")); err != nil {
		t.Fatal(err)
	}
	k.close(s)
	k.backup()
	return k
}

// open opens the store with the key file and remembers its key.
func (k *keyed) open() *sqlite.Store {
	k.t.Helper()
	s, err := sqlite.Open(k.t.Context(), k.dir, sqlite.KeyFile(k.file), sqlite.Config{})
	if err != nil {
		k.t.Fatal(err)
	}
	key, err := crypto.ReadKeyFile(k.file)
	if err != nil {
		k.t.Fatal(err)
	}
	k.keys[key.Text()] = true
	return s
}

func (k *keyed) close(s *sqlite.Store) {
	k.t.Helper()
	if err := s.Close(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyed) backup() {
	k.t.Helper()
	s := k.open()
	path := filepath.Join(k.t.TempDir(), fmt.Sprint("backup", len(k.backups)))
	if _, err := s.Backup(k.t.Context(), path, nil); err != nil {
		k.t.Fatal(err)
	}
	k.backups = append(k.backups, path)
	k.close(s)
}

// onDisk returns the keys in the files beside the key file.
func (k *keyed) onDisk() map[string]crypto.Key {
	k.t.Helper()
	files, err := filepath.Glob(k.file + "*")
	if err != nil {
		k.t.Fatal(err)
	}
	found := map[string]crypto.Key{}
	for _, file := range files {
		key, err := crypto.ReadKeyFile(file)
		if err != nil {
			k.t.Fatal(file, err)
		}
		found[key.Text()] = key
	}
	return found
}

// lost returns an error if a key once used is gone, or if no key opens the store.
func (k *keyed) lost() error {
	k.t.Helper()
	found, open := k.onDisk(), false
	for text := range k.keys {
		if _, there := found[text]; !there {
			return errors.New("a key once used is gone")
		}
	}
	for _, key := range found {
		open = open || storetest.Opens(k.t, k.dir, key)
	}
	if !open {
		return errors.New("no key opens the store")
	}
	return nil
}

// sound checks that the key file opens the store, and that each backup opens.
func (k *keyed) sound() {
	k.t.Helper()
	s := k.open()
	if got := storetest.Value(k.t, s, "p/a"); got != "one" {
		k.t.Fatal(got)
	}
	k.close(s)
	for _, path := range k.backups {
		if _, err := sqlite.VerifyBackup(k.t.Context(), path, sqlite.BackupKey(path, k.file)); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := k.lost(); err != nil {
		k.t.Fatal(err)
	}
	if _, err := os.Lstat(k.file + ".next"); !errors.Is(err, fs.ErrNotExist) {
		k.t.Fatal("a change is left unfinished")
	}
}

func TestChangeKey(t *testing.T) {
	is := is.New(t)
	k := newKeyed(t)
	before := map[string]string{}
	for n := 1; n <= 3; n++ {
		was, err := os.ReadFile(k.file)
		is.NoErr(err)
		done, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
		is.NoErr(err)
		is.Equal(done, sqlite.KeyChange{KeyFile: k.file, Kept: fmt.Sprint(k.file, ".", n)})
		before[done.Kept] = string(was)
		k.sound()
		k.backup()
		is.Equal(len(k.keys), n+1) // all different
		for file, text := range before {
			now, err := os.ReadFile(file)
			is.NoErr(err)
			is.Equal(string(now), text) // never changed again
		}
	}
}

// TestChangeKeyKilledAnywhere stops ChangeKey before each of its file operations. No key is lost,
// and the next call completes the change.
func TestChangeKeyKilledAnywhere(t *testing.T) {
	killed := errors.New("killed")
	for at, more := 1, true; more; at++ {
		t.Run(fmt.Sprint("before operation ", at), func(t *testing.T) {
			is := is.New(t)
			k := newKeyed(t)
			n := 0
			_, err := sqlite.ChangeKeyFailing(t.Context(), k.dir, k.file, func(string, string, int) (int, error) {
				if n++; n >= at {
					return 0, killed
				}
				return 0, nil
			})
			if more = err != nil; more {
				is.True(errors.Is(err, killed))
			} else {
				is.True(at > 4) // a name for the old key, a file, its text, its name, the installation
			}
			is.NoErr(k.lost())
			if more {
				_, err = sqlite.ChangeKey(t.Context(), k.dir, k.file)
				is.NoErr(err)
			}
			k.sound()
			is.Equal(len(k.keys), 2)     // one change, not two
			is.Equal(len(k.onDisk()), 2) // no unused key
		})
	}
}

// TestChangeKeyAfterInterruptedRekey checks that ChangeKey completes a rekey of the store that
// stopped halfway.
func TestChangeKeyAfterInterruptedRekey(t *testing.T) {
	for step := sqlite.AddNewKey; step <= sqlite.ChangeVault; step++ {
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			is := is.New(t)
			k := newKeyed(t)
			next := crypto.NewKey()
			is.NoErr(os.WriteFile(k.file+".next", []byte(next.Text()+"\n"), 0o600))
			s := k.open()
			is.NoErr(s.RekeySteps(t.Context(), next, step))
			k.close(s)
			is.NoErr(k.lost())
			done, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
			is.NoErr(err)
			is.True(done.Resumed)
			k.sound()
			is.True(k.keys[next.Text()]) // the key of the first attempt
			is.Equal(len(k.keys), 2)
		})
	}
}

func TestConcurrentChangeKey(t *testing.T) {
	is := is.New(t)
	k := newKeyed(t)
	var mu sync.Mutex
	made := 0
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			_, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case !errors.Is(err, myvault.ErrUnavailable):
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" {
		is.True(made >= 1)
		is.Equal(len(k.onDisk()), made+1)
	}
	k.sound()
}

// TestChangeKeyWhileServing checks that a process with the store open continues and adopts the new
// key.
func TestChangeKeyWhileServing(t *testing.T) {
	is := is.New(t)
	k := newKeyed(t)
	server := k.open()
	_, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
	is.NoErr(err)
	_, err = storetest.Apply(server, storetest.Put("p/b", "two"))
	is.NoErr(err)
	other := k.open()
	_, err = other.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = storetest.Apply(other, storetest.Put("p/c", "three"))
	is.NoErr(err)
	is.Equal(storetest.Value(t, server, "p/c"), "three") // under a data key that only the new key opens
	k.close(other)
	k.close(server)
	k.sound()
}

func TestChangeKeyOfTrail(t *testing.T) {
	is := is.New(t)
	dir, file, old := t.TempDir(), filepath.Join(t.TempDir(), "master.key"), crypto.NewKey()
	is.NoErr(os.WriteFile(file, []byte(old.Text()), 0o600))
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.KeyFile(file), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	done, err := sqlite.ChangeKey(t.Context(), dir, file)
	is.NoErr(err)
	_, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.KeyFile(file), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	kept, err := crypto.ReadKeyFile(done.Kept)
	is.NoErr(err)
	is.Equal(kept.Text(), old.Text())
	_, err = os.Lstat(filepath.Join(dir, "vault.db"))
	is.True(errors.Is(err, fs.ErrNotExist))
}

// TestChangeKeyKeepsLinkAndMode checks that the key file keeps its path behind a symbolic link,
// and its mode.
func TestChangeKeyKeepsLinkAndMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs file modes")
	}
	is := is.New(t)
	k := newKeyed(t)
	is.NoErr(os.Chmod(k.file, 0o400))
	link := filepath.Join(t.TempDir(), "link")
	is.NoErr(os.Symlink(k.file, link))
	t.Chdir(filepath.Dir(k.file)) // names are not relative to where the link is
	done, err := sqlite.ChangeKey(t.Context(), k.dir, link)
	is.NoErr(err)
	is.Equal(done.KeyFile, k.file)
	info, err := os.Lstat(link)
	is.NoErr(err)
	is.Equal(info.Mode().Type(), fs.ModeSymlink)
	for _, file := range []string{done.KeyFile, done.Kept} {
		info, err := os.Lstat(file)
		is.NoErr(err)
		is.Equal(info.Mode(), fs.FileMode(0o400))
	}
	k.sound()
}

func TestChangeKeyRefuses(t *testing.T) {
	other := crypto.NewKey().Text()
	for name, c := range map[string]struct {
		spoil func(k *keyed) (dir, file string)
		want  error
	}{
		"no store":                 {func(k *keyed) (string, string) { return k.t.TempDir(), k.file }, fs.ErrNotExist},
		"no directory":             {func(k *keyed) (string, string) { return filepath.Join(k.t.TempDir(), "none"), k.file }, fs.ErrNotExist},
		"no key file":              {func(k *keyed) (string, string) { return k.dir, k.file + "-none" }, fs.ErrNotExist},
		"a key in place of a path": {func(k *keyed) (string, string) { return k.dir, other }, fs.ErrNotExist},
		"the key of another store": {func(k *keyed) (string, string) {
			file := filepath.Join(k.t.TempDir(), "other")
			_ = os.WriteFile(file, []byte(other), 0o600)
			return k.dir, file
		}, myvault.ErrWrongKey},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			k := newKeyed(t)
			dir, file := c.spoil(k)
			before, keys := storetest.Files(t, k.dir), len(k.onDisk())
			_, err := sqlite.ChangeKey(t.Context(), dir, file)
			is.True(errors.Is(err, c.want))
			is.True(!strings.Contains(err.Error(), other))
			is.Equal(storetest.Files(t, k.dir), before)
			is.Equal(len(k.onDisk()), keys)
			k.sound()
		})
	}
}

// TestChangeKeyNamesKeptKey checks that the error names the kept key that opens a restored
// backup.
func TestChangeKeyNamesKeptKey(t *testing.T) {
	is := is.New(t)
	k := newKeyed(t)
	done, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
	is.NoErr(err)
	restored := filepath.Join(t.TempDir(), "restored")
	path := k.backups[0]
	_, err = sqlite.Restore(t.Context(), path, restored, sqlite.BackupKey(path, k.file), sqlite.Config{})
	is.NoErr(err)
	_, err = sqlite.ChangeKey(t.Context(), restored, k.file)
	is.True(errors.Is(err, myvault.ErrWrongKey))
	is.True(strings.Contains(err.Error(), done.Kept))
	_, err = sqlite.ChangeKey(t.Context(), restored, done.Kept)
	is.NoErr(err)
	is.True(k.lost() == nil)
}

// TestChangeKeyDuringBackup checks that ChangeKey during a backup installs the key and reports
// that the old bytes stay until the backup ends.
func TestChangeKeyDuringBackup(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	k := newKeyed(t)
	s := k.open()
	for range 4 { // enough in the write-ahead log for several steps of the copy
		_, err := storetest.Apply(s, storetest.Put("p/b", strings.Repeat("v", 500_000)))
		is.NoErr(err)
	}
	path := filepath.Join(t.TempDir(), "backup")
	calls := 0
	_, err := s.Backup(t.Context(), path, func(int64, int64) {
		if calls++; calls > 1 {
			return
		}
		done, err := sqlite.ChangeKey(t.Context(), k.dir, k.file)
		is.True(errors.Is(err, myvault.ErrUnknownOutcome))
		is.Equal(done, sqlite.KeyChange{KeyFile: k.file, Kept: k.file + ".1"})
	})
	is.NoErr(err)
	is.True(calls > 0)
	k.close(s)
	k.backups = append(k.backups, path)
	k.sound()
	is.Equal(len(k.keys), 2)
}
