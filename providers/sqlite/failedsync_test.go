package sqlite_test

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
)

// failSyncs returns a fault that fails the fsync of one file.
func failSyncs(file string) fault {
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
			d, c := faultyDisk(t)
			var syncs logSyncs
			s := openWith(t, t.TempDir(), crypto.NewKey(), c.WithFsync(syncs.sync))
			_, err := apply(s, put("p/a", "one"), put("p/a", "two"))
			is.NoErr(err)
			d.fail(failSyncs(file))
			syncs.fails.Store(file == "")
			_, err = apply(s, on(myvault.OpDestroy, "p/a", 1))
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			d.heal()
			syncs.fails.Store(false)
			checkStopped(t, s, func() error { _, err := apply(s, put("p/b", "one")); return err })
		})
	}
}

// TestFailedSyncOfRekey checks that a failed fsync of a commit to access.db by Rekey stops
// access.db.
func TestFailedSyncOfRekey(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), c)
	is.NoErr(s.Record(t.Context(), aRead)) // SQLite syncs the header of a new WAL
	d.fail(failSyncs("access.db-wal"))
	is.True(errors.Is(s.Rekey(t.Context(), crypto.NewKey()), myvault.ErrUnavailable))
	d.heal()
	checkStopped(t, s, func() error { return s.Record(t.Context(), aRead) })
}

// TestFailedSyncOfRekeyOfTrail is TestFailedSyncOfRekey for a trail without a store.
func TestFailedSyncOfRekeyOfTrail(t *testing.T) {
	is := is.New(t)
	d, c := faultyDisk(t)
	trail, err := c.OpenTrail(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()))
	is.NoErr(err)
	defer trail.Close()
	is.NoErr(trail.Record(t.Context(), aRead)) // SQLite syncs the header of a new WAL
	d.fail(failSyncs("access.db-wal"))
	is.True(trail.Rekey(t.Context(), crypto.NewKey()) != nil)
	d.heal()
	err = trail.Record(t.Context(), aRead)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "an fsync failed"))
}

// TestStoppedFileIsNotTouched checks that writes and Ping open no connection and write nothing
// after a failed fsync.
func TestStoppedFileIsNotTouched(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	d, c := faultyDisk(t)
	var probes atomic.Int64
	c = c.WithFailing(func(operation, path string, _ int) (int, error) {
		if operation == "open" && strings.Contains(filepath.Base(path), "file-") {
			probes.Add(1)
		}
		return 0, nil
	})
	synctest.Test(t, func(t *testing.T) {
		s := openWith(t, dir, crypto.NewKey(), c)
		_, err := apply(s, put("p/a", "one"))
		is.NoErr(err)
		is.NoErr(s.Ping(context.Background())) // opens a reader
		d.fail(failSyncs("vault.db-wal"))
		_, err = apply(s, put("p/a", "two"))
		is.True(errors.Is(err, myvault.ErrUnknownOutcome))
		d.heal()
		before := d.opened.Load()
		for range 3 {
			_, err = apply(s, put("p/a", "three"))
			is.True(errors.Is(err, myvault.ErrUnavailable))
			is.True(errors.Is(s.Ping(context.Background()), myvault.ErrUnavailable))
			time.Sleep(time.Minute)
		}
		is.Equal(d.opened.Load(), before) // connections
		is.Equal(probes.Load(), int64(0))
	})
}
