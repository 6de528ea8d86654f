package wal_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestForeignLockCanceledContext checks that a call which waits for the lock of another program
// returns the error of its context once that ends, and changes nothing.
func TestForeignLockCanceledContext(t *testing.T) {
	t.Parallel()
	key := crypto.NewKey()
	calls := map[string]func(ctx context.Context, s *sqlite.Store) error{
		"Apply": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{storetest.Put("p/a", "two")}, By: "tester", At: storetest.At})
			return err
		},
		"Destroy": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{storetest.On(myvault.OpDestroy, "p/a", 1)}, By: "tester", At: storetest.At})
			return err
		},
		"Record": func(ctx context.Context, s *sqlite.Store) error { return s.Record(ctx, storetest.ARead) },
		"Backup": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Backup(ctx, filepath.Join(t.TempDir(), "backup"), nil)
			return err
		},
		"Rekey":    func(ctx context.Context, s *sqlite.Store) error { return s.Rekey(ctx, crypto.NewKey()) },
		"NewEpoch": func(ctx context.Context, s *sqlite.Store) error { _, err := s.NewEpoch(ctx); return err },
		"PruneAccess": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: 1}, nil)
			return err
		},
		"Session.Get": func(ctx context.Context, s *sqlite.Store) error {
			session, err := sessionOver(s)
			if err == nil {
				_, err = session.Get(ctx, storetest.Addr("p/a"))
			}
			return err
		},
		"Session.Put": func(ctx context.Context, s *sqlite.Store) error {
			session, err := sessionOver(s)
			if err == nil {
				_, err = session.Put(ctx, storetest.Addr("p/a"), myvault.Text("two"))
			}
			return err
		},
		"Ping": func(ctx context.Context, s *sqlite.Store) error { return s.Ping(ctx) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := storetest.OpenWith(t, dir, key, sqlite.Config{})
			_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
			is.NoErr(err)
			is.NoErr(s.Record(t.Context(), storetest.ARead))
			if name == "Ping" {
				storetest.RoomsOf(s).Vault.FailWrites() // Ping then tries to write
			}
			vault, access := storetest.OpenRaw(t, dir, "vault.db"), storetest.OpenRaw(t, dir, "access.db")
			vault.Exec("BEGIN IMMEDIATE")
			access.Exec("BEGIN IMMEDIATE")
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- call(ctx, s) }()
			awaitLocked(storetest.RoomsOf(s))
			leave()
			is.True(errors.Is(<-done, context.Canceled)) // the locks are held
			vault.Exec("ROLLBACK")
			access.Exec("ROLLBACK")
			secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), "one")
			_, err = storetest.Apply(s, storetest.Put("p/a", "three"))
			is.NoErr(err)
		})
	}
}

// sessionOver opens a session that may do everything. The vault is left open, because the test
// closes the store.
func sessionOver(s *sqlite.Store) (*myvault.Session, error) {
	rule, err := myvault.ParseRule("*/")
	if err != nil {
		return nil, err
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "ui", Allow: []myvault.Rule{rule}})
	if err != nil {
		return nil, err
	}
	vault, err := myvault.New(s, policy, myvault.Config{})
	if err != nil {
		return nil, err
	}
	return vault.As("ui"), nil
}

// TestOpenForeignLockDeadline checks that Open returns the error of its context if another program
// has locked a file exclusively.
func TestOpenForeignLockDeadline(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"vault.db", "access.db"} {
		t.Run(file, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir := storetest.Closed(t, key)
			other := storetest.OpenRaw(t, dir, file)
			other.Exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; CREATE TABLE other(x); ROLLBACK")
			ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer leave()
			_, err := sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, context.DeadlineExceeded))
			is.NoErr(other.DB.Close())
			storetest.Open(t, dir, key)
		})
	}
}

// awaitLocked returns once a request for one of the two files waits.
func awaitLocked(r seam.Rooms) {
	for storetest.Waiting(r.Vault.Writer)+storetest.Waiting(r.Trail.File.Writer) == 0 {
		runtime.Gosched()
	}
}
