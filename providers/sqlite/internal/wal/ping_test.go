package wal_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestPingFailsUntilWriteSucceeds checks that Ping fails after a disk error until a write
// succeeds, and that Ping itself tries one: an unhealthy server gets no traffic.
func TestPingFailsUntilWriteSucceeds(t *testing.T) {
	for name, failed := range map[string]error{
		"no space": syscall.ENOSPC, "quota": syscall.EDQUOT, "read-only": syscall.EROFS, "device": syscall.EIO,
	} {
		for file, write := range map[string]func(s *sqlite.Store) error{
			"vault.db-wal":  func(s *sqlite.Store) error { _, err := storetest.Apply(s, storetest.Put("p/a", "two")); return err },
			"access.db-wal": func(s *sqlite.Store) error { return s.Record(context.Background(), storetest.ARead) },
		} {
			t.Run(name+" "+file, func(t *testing.T) {
				is := is.New(t)
				dir, key := t.TempDir(), crypto.NewKey()
				d, c := storetest.FaultyDisk(t)
				synctest.Test(t, func(t *testing.T) {
					s := storetest.OpenWith(t, dir, key, c)
					is.NoErr(s.Ping(t.Context()))
					var attempts atomic.Int64
					d.Fail(func(operation, name string) error {
						if operation != "write" || !strings.HasSuffix(name, file) {
							return nil
						}
						attempts.Add(1)
						return &fs.PathError{Op: operation, Path: name, Err: failed}
					})
					is.True(write(s) != nil)
					for range 10 {
						is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
						time.Sleep(time.Minute)
					}
					before := attempts.Load()
					for range 10 {
						is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
					}
					is.True(attempts.Load()-before <= before/5) // repeated Pings try once
					d.Heal()
					time.Sleep(time.Minute)
					is.NoErr(s.Ping(t.Context()))
				})
			})
		}
	}
}

// TestLockedStoreIsUnhealthy checks that Ping fails while another program locks a file for so long
// that calls fail.
func TestLockedStoreIsUnhealthy(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until calls fail")
	}
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	storetest.Record(t, s, 1)
	r := storetest.OpenRaw(t, dir, "access.db")
	r.Exec(`BEGIN IMMEDIATE`)
	is.True(errors.Is(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}), myvault.ErrUnavailable))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	is.True(s.Ping(ctx) != nil)
	is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable)) // without a second attempt
	r.Exec(`ROLLBACK`)
	storetest.Record(t, s, 1)
	is.NoErr(s.Ping(t.Context()))
}
