package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestReopen(t *testing.T) {
	for name, make := range map[string]func(testing.TB, crypto.Key) string{"after a crash": storetest.Crashed, "after a clean end": storetest.Closed} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir := make(t, key)
			s := storetest.Open(t, dir, key)
			secret, err := s.Get(t.Context(), storetest.Addr("news/prod/db"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "two")
			report, err := s.Verify(t.Context())
			is.NoErr(err)
			is.Equal(report.Changes, uint64(2))
			is.Equal(report.Accesses, uint64(1))
		})
	}
}

func TestWrongKeyChangesNothing(t *testing.T) {
	wrong := sqlite.StaticKey(crypto.NewKey())
	t.Run("after a clean end", func(t *testing.T) {
		storetest.Refused(t, storetest.Closed(t, crypto.NewKey()), wrong, myvault.ErrWrongKey)
	})
	t.Run("after a crash", func(t *testing.T) {
		dir := storetest.Crashed(t, crypto.NewKey())
		is.New(t).True(len(storetest.Files(t, dir)["vault.db-wal"]) > 0)
		storetest.Refused(t, dir, wrong, myvault.ErrWrongKey)
	})
	t.Run("of the trail alone", func(t *testing.T) {
		key := crypto.NewKey()
		dir := storetest.Crashed(t, key)
		other := storetest.Crashed(t, crypto.NewKey())
		for _, name := range []string{"access.db", "access.db-wal", "access.db-shm"} {
			is.New(t).NoErr(os.Rename(filepath.Join(other, name), filepath.Join(dir, name)))
		}
		storetest.Refused(t, dir, sqlite.StaticKey(key), myvault.ErrWrongKey)
	})
	t.Run("while another process uses it", func(t *testing.T) {
		is := is.New(t)
		key := crypto.NewKey()
		dir := t.TempDir()
		s := storetest.Open(t, dir, key)
		_, err := storetest.Apply(s, storetest.Put("p/a", "x"))
		is.NoErr(err)
		storetest.Refused(t, dir, wrong, myvault.ErrWrongKey)
		_, err = storetest.Apply(s, storetest.Put("p/a", "y"))
		is.NoErr(err)
	})
}

func TestForeignFilesAreRefused(t *testing.T) {
	key := crypto.NewKey()
	for name, make := range map[string]func(t *testing.T, path string){
		"an empty file": func(t *testing.T, path string) { storetest.WriteFile(t, path, nil) },
		"a text": func(t *testing.T, path string) {
			storetest.WriteFile(t, path, []byte(strings.Repeat("not a database\n", 500)))
		},
		"a short text": func(t *testing.T, path string) { storetest.WriteFile(t, path, []byte("x")) },
		"a directory":  func(t *testing.T, path string) { is.New(t).NoErr(os.Mkdir(path, 0o700)) },
		"a database of something else": func(t *testing.T, path string) {
			r := storetest.OpenRaw(t, filepath.Dir(path), filepath.Base(path))
			r.Exec(`CREATE TABLE x(y)`)
			r.Close()
		},
		"one with a write-ahead log": func(t *testing.T, path string) {
			elsewhere := t.TempDir()
			r := storetest.OpenRaw(t, elsewhere, filepath.Base(path))
			r.Exec(`PRAGMA journal_mode=WAL; CREATE TABLE meta(name, value)`)
			for _, suffix := range []string{"", "-wal", "-shm"} {
				content, err := os.ReadFile(filepath.Join(elsewhere, filepath.Base(path)+suffix))
				is.New(t).NoErr(err)
				storetest.WriteFile(t, path+suffix, content)
			}
		},
	} {
		for _, file := range []string{"vault.db", "access.db"} {
			t.Run(name+" as "+file, func(t *testing.T) {
				dir := t.TempDir()
				make(t, filepath.Join(dir, file))
				if name == "a directory" {
					is := is.New(t)
					_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
					is.True(errors.Is(err, sqlite.ErrForeign))
					return
				}
				storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrForeign)
			})
		}
	}
	t.Run("the trail in place of the secrets", func(t *testing.T) {
		dir := storetest.Closed(t, key)
		is.New(t).NoErr(os.Rename(filepath.Join(dir, "access.db"), filepath.Join(dir, "vault.db")))
		storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrForeign)
	})
}

func TestNewerFilesAreRefused(t *testing.T) {
	for _, file := range []string{"vault.db", "access.db"} {
		t.Run(file, func(t *testing.T) {
			key := crypto.NewKey()
			dir := storetest.Closed(t, key)
			r := storetest.OpenRaw(t, dir, file)
			r.Exec(`PRAGMA user_version=9`)
			left := storetest.Copied(t, dir)
			storetest.Refused(t, left, sqlite.StaticKey(key), sqlite.ErrNewer) // the version is in the write-ahead log
			r.Close()
			storetest.Refused(t, dir, sqlite.StaticKey(key), sqlite.ErrNewer)
		})
	}
}

// TestNoKeyCreatesNothing checks that Open gets the key first, and creates nothing without it.
func TestNoKeyCreatesNothing(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "new")
	down := errors.New("the key store is down")
	for _, c := range []struct {
		keys sqlite.KeySource
		want error
	}{
		{func(context.Context) (crypto.Key, error) { return crypto.Key{}, down }, down},
		{sqlite.StaticKey(crypto.Key{}), crypto.ErrKey},
		{sqlite.KeyFile(filepath.Join(t.TempDir(), "missing")), os.ErrNotExist},
		{nil, myvault.ErrInvalid},
	} {
		_, err := sqlite.Open(t.Context(), dir, c.keys, sqlite.Config{})
		is.True(errors.Is(err, c.want))
		_, err = sqlite.OpenTrail(t.Context(), dir, c.keys, sqlite.TrailConfig{})
		is.True(errors.Is(err, c.want))
		_, err = os.Stat(dir)
		is.True(errors.Is(err, os.ErrNotExist))
	}
	_, err := sqlite.Open(t.Context(), "", sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, myvault.ErrInvalid))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlite.Open(ended, dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, context.Canceled))
}

// TestOpenErrorsNameTheDirectory checks that errors of Open and OpenTrail name the directory and
// still match with errors.Is.
func TestOpenErrorsNameTheDirectory(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := storetest.Closed(t, key)
	f, c := storetest.FaultyDisk(t)
	f.Lie(true)
	_, err := c.Open(t.Context(), dir, sqlite.StaticKey(key))
	is.True(errors.Is(err, myvault.ErrUnavailable)) // by the engine
	is.True(strings.HasPrefix(err.Error(), "open store in "+dir+": "))
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	is.True(errors.Is(err, myvault.ErrWrongKey)) // from a check
	is.True(strings.HasPrefix(err.Error(), "open store in "+dir+": "))
	_, err = sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	is.True(errors.Is(err, myvault.ErrWrongKey))
	is.True(strings.HasPrefix(err.Error(), "open trail in "+dir+": "))
	_, err = sqlite.Open(t.Context(), "", sqlite.StaticKey(key), sqlite.Config{})
	is.True(strings.HasPrefix(err.Error(), "open store: "))
	f.Lie(false)
}

// TestConcurrentCreate checks that concurrent creations of one store all use the same files.
func TestConcurrentCreate(t *testing.T) {
	is := is.New(t)
	dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
	var stores [6]*sqlite.Store
	var errs [6]error
	var wait sync.WaitGroup
	for i := range stores {
		wait.Go(func() {
			stores[i], errs[i] = sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
			if errs[i] == nil {
				_, errs[i] = storetest.Apply(stores[i], storetest.Put("p/a", "x"))
			}
		})
	}
	wait.Wait()
	for i, s := range stores {
		is.NoErr(errs[i])
		is.Equal(s.Incarnation(), stores[0].Incarnation())
	}
	secret, err := stores[0].Get(t.Context(), storetest.Addr("p/a"), 0)
	is.NoErr(err)
	is.Equal(secret.Version, myvault.Version(len(stores)))
	for _, s := range stores {
		is.NoErr(s.Close())
	}
}

// TestErrorOfFirstFileWins checks that if both files are refused, the error is that of vault.db.
// The two are checked concurrently.
func TestErrorOfFirstFileWins(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	is.NoErr(storetest.Open(t, dir, key).Close())
	refused := func(key crypto.Key) error {
		_, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		return err
	}
	storetest.Must(t, os.WriteFile(filepath.Join(dir, "access.db"), []byte(strings.Repeat("no database ", 1000)), 0o600))
	is.True(errors.Is(refused(key), sqlite.ErrForeign))
	for range 5 {
		err := refused(crypto.NewKey())
		is.True(errors.Is(err, myvault.ErrWrongKey))
		is.True(!errors.Is(err, sqlite.ErrForeign))
	}
}
