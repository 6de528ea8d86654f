package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestMovedStore checks that writes to files that were moved away are not acknowledged. Reads from
// the cache may go on.
func TestMovedStore(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir string) (mend func()){
		"directory moved": func(t *testing.T, dir string) func() {
			storetest.Must(t, os.Rename(dir, dir+"-gone"))
			return func() { storetest.Must(t, os.Rename(dir+"-gone", dir)) }
		},
		"directory deleted": func(t *testing.T, dir string) func() {
			storetest.Must(t, os.RemoveAll(dir))
			return nil
		},
		"replaced by a backup": func(t *testing.T, dir string) func() {
			storetest.Must(t, os.CopyFS(dir+"-backup", os.DirFS(dir)))
			storetest.Must(t, os.Rename(dir, dir+"-gone"))
			storetest.Must(t, os.Rename(dir+"-backup", dir))
			return nil
		},
		"log deleted": func(t *testing.T, dir string) func() {
			storetest.Must(t, os.Remove(filepath.Join(dir, "vault.db-wal")))
			storetest.Must(t, os.Remove(filepath.Join(dir, "access.db-wal")))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := filepath.Join(t.TempDir(), "store")
			s := storetest.Open(t, dir, crypto.NewKey())
			addr := myvault.Address{Project: "p", Path: "a"}
			_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
			is.NoErr(err)
			_, err = s.Get(t.Context(), addr, 0)
			is.NoErr(err)
			mend := damage(t, dir)
			_, err = storetest.Apply(s, storetest.Put("p/a", "w"))
			is.True(errors.Is(err, myvault.ErrUnavailable)) // a change
			_, err = s.Get(t.Context(), myvault.Address{Project: "p", Path: "b"}, 0)
			is.True(errors.Is(err, myvault.ErrUnavailable)) // a read that the cache does not answer
			is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
			is.True(errors.Is(s.Record(t.Context(), myvault.Entry{At: time.Now(), Action: "read", Count: 1}), myvault.ErrUnavailable))
			if mend != nil {
				mend()
				_, err = storetest.Apply(s, storetest.Put("p/a", "x"))
				is.NoErr(err) // it continues after the move back
			}
		})
	}
}

// TestCloseOfMovedStore checks that Close leaves the files of a replacement alone. SQLite removes
// its write-ahead log by name when it closes.
func TestCloseOfMovedStore(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	s := storetest.Open(t, dir, crypto.NewKey())
	_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
	is.NoErr(err)
	storetest.Must(t, os.CopyFS(dir+"-backup", os.DirFS(dir)))
	storetest.Must(t, os.Rename(dir, dir+"-gone"))
	storetest.Must(t, os.Rename(dir+"-backup", dir))
	before := storetest.Files(t, dir)
	_, _ = storetest.Apply(s, storetest.Put("p/a", "w"))
	_ = s.Close()
	is.Equal(storetest.Files(t, dir), before)
}

// TestWritesAfterReplacement checks that writes damage neither a file nor its replacement. A new
// connection would combine the replacement with the log of the original.
func TestWritesAfterReplacement(t *testing.T) {
	t.Parallel()
	for writes := range 4 {
		t.Run(fmt.Sprint(writes, " writes"), func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.Open(t, dir, key)
			_, err := storetest.Apply(s, storetest.Put("p/old", "v"))
			is.NoErr(err)
			is.NoErr(s.Close())
			file, backup := filepath.Join(dir, "vault.db"), filepath.Join(t.TempDir(), "vault.db")
			copied, err := os.ReadFile(file)
			is.NoErr(err)

			s = storetest.Open(t, dir, key)
			for i := range 50 {
				_, err := storetest.Apply(s, storetest.Put(fmt.Sprint("p/new", i), "v"))
				is.NoErr(err)
			}
			storetest.Must(t, os.Rename(file, backup))
			storetest.Must(t, os.WriteFile(file, copied, 0o600))
			for range writes {
				_, err := storetest.Apply(s, storetest.Put("p/refused", "v"))
				is.True(errors.Is(err, myvault.ErrUnavailable))
			}
			now, err := os.ReadFile(file)
			is.NoErr(err)
			is.True(bytes.Equal(now, copied)) // the replacement is unchanged
			storetest.Must(t, os.Rename(backup, file))
			_, err = s.Get(t.Context(), myvault.Address{Project: "p", Path: "new49"}, 0)
			is.NoErr(err) // acknowledged changes are there after the move back
			_, err = storetest.Apply(s, storetest.Put("p/after", "v"))
			is.NoErr(err)
		})
	}
}

// TestFilesAreCheckedEachMillisecond checks that reads from the file and commits of entries notice
// within a millisecond that the files were moved, and that a change notices it at once.
func TestFilesAreCheckedEachMillisecond(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	began := time.Now()
	var passed atomic.Int64
	c := sqlite.Config{CacheBytes: -1}
	s := storetest.OpenWith(t, dir, crypto.NewKey(), storetest.OptionsOf(c).WithClock(func() time.Time { return began.Add(time.Duration(passed.Load())) }))
	read := func() error {
		_, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
		return err
	}
	record := func() error { return s.Record(t.Context(), storetest.ARead) }
	_, err := storetest.Apply(s, storetest.Put("p/a", "v"))
	is.NoErr(err)
	for range 3 {
		passed.Add(int64(time.Hour))
		is.NoErr(record())
		is.NoErr(read())
		storetest.Must(t, os.Rename(dir, dir+"-gone"))
		is.NoErr(record()) // the files were checked less than a millisecond ago
		is.NoErr(read())
		passed.Add(int64(time.Millisecond))
		is.True(errors.Is(record(), myvault.ErrUnavailable))
		is.True(errors.Is(read(), myvault.ErrUnavailable))
		storetest.Must(t, os.Rename(dir+"-gone", dir))
		is.NoErr(record())
		is.NoErr(read())
		storetest.Must(t, os.Rename(dir, dir+"-gone"))
		_, err = storetest.Apply(s, storetest.Put("p/a", "w"))
		is.True(errors.Is(err, myvault.ErrUnavailable)) // a change checks them each time
		is.True(errors.Is(read(), myvault.ErrUnavailable))
		storetest.Must(t, os.Rename(dir+"-gone", dir))
	}
}
