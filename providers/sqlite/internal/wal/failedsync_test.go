package wal_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// failSyncs returns a fault that fails the fsync of one file.
func failSyncs(file string) storetest.Fault {
	return func(operation, name string) error {
		if operation == "sync" && name == file {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	}
}

// checkStopped checks that a file refuses all writes although the disk works again.
func checkStopped(t *testing.T, s *sqlite.Store, write func() error) {
	t.Helper()
	is := is.New(t)
	is.Helper()
	for range 2 {
		err := write()
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.True(strings.Contains(err.Error(), "an fsync failed"))
	}
	is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
}

// TestFailedSyncOfScrub checks that a failed fsync of the truncated WAL stops the file, whether
// SQLite or the store itself calls it.
func TestFailedSyncOfScrub(t *testing.T) {
	for name, file := range map[string]string{"SQLite's fsync of vault.db": "vault.db", "the store's fsync of the WAL": ""} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			d, c := storetest.FaultyDisk(t)
			var syncs logSyncs
			s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c.WithFsync(syncs.sync))
			_, err := storetest.Apply(s, storetest.Put("p/a", "one"), storetest.Put("p/a", "two"))
			is.NoErr(err)
			d.Fail(failSyncs(file))
			syncs.fails.Store(file == "")
			_, err = storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 1))
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			d.Heal()
			syncs.fails.Store(false)
			checkStopped(t, s, func() error { _, err := storetest.Apply(s, storetest.Put("p/b", "one")); return err })
		})
	}
}

// TestFailedSyncOfRekey checks that a failed fsync of a commit to access.db by Rekey stops
// access.db.
func TestFailedSyncOfRekey(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), c)
	is.NoErr(s.Record(t.Context(), storetest.ARead)) // SQLite syncs the header of a new WAL
	d.Fail(failSyncs("access.db-wal"))
	is.True(errors.Is(s.Rekey(t.Context(), crypto.NewKey()), myvault.ErrUnavailable))
	d.Heal()
	checkStopped(t, s, func() error { return s.Record(t.Context(), storetest.ARead) })
}

// TestFailedSyncOfRekeyOfTrail is TestFailedSyncOfRekey for a trail without a store.
func TestFailedSyncOfRekeyOfTrail(t *testing.T) {
	is := is.New(t)
	d, c := storetest.FaultyDisk(t)
	trail, err := sqlite.OpenTrail(seam.With(t.Context(), c.Parts), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), c.Trail)
	is.NoErr(err)
	defer trail.Close()
	is.NoErr(trail.Record(t.Context(), storetest.ARead)) // SQLite syncs the header of a new WAL
	d.Fail(failSyncs("access.db-wal"))
	is.True(trail.Rekey(t.Context(), crypto.NewKey()) != nil)
	d.Heal()
	err = trail.Record(t.Context(), storetest.ARead)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "an fsync failed"))
}

// TestStoppedFileIsNotTouched checks that writes and Ping open no connection and write nothing
// after a failed fsync.
func TestStoppedFileIsNotTouched(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	d, c := storetest.FaultyDisk(t)
	var probes atomic.Int64
	c = c.WithFailing(func(operation, path string, _ int) (int, error) {
		if operation == "open" && strings.Contains(filepath.Base(path), "file-") {
			probes.Add(1)
		}
		return 0, nil
	})
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenWith(t, dir, crypto.NewKey(), c)
		_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
		is.NoErr(err)
		is.NoErr(s.Ping(context.Background())) // opens a reader
		d.Fail(failSyncs("vault.db-wal"))
		_, err = storetest.Apply(s, storetest.Put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnknownOutcome))
		d.Heal()
		before := d.Opened.Load()
		for range 3 {
			_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
			is.True(errors.Is(err, myvault.ErrUnavailable))
			is.True(errors.Is(s.Ping(context.Background()), myvault.ErrUnavailable))
			time.Sleep(time.Minute)
		}
		is.Equal(d.Opened.Load(), before) // connections
		is.Equal(probes.Load(), int64(0))
	})
}
