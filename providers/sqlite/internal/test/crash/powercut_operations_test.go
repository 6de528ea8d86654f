package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// Operations of an operator during which the power fails. Each is complete or can be repeated.

// The marks of operations.
type (
	markRekeyed struct{}
	markPruning int    // access entries below it may be gone from now on
	markMade    string // path of a file or directory beside the store
)

// otherKey is the master key that a store changes to.
const otherKey = "base64:YW5vdGhlciB0ZXN0ZGF0YSBrZXksIG5vIHNlY3JldDE="

// runRekey changes the master key.
func (h *history) runRekey() {
	key, err := crypto.ParseKey(otherKey)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys = append(h.keys, key)
	again := func(s *sqlite.Store) error { return s.Rekey(context.Background(), key) }
	h.finish = again
	s := h.open()
	h.mustApply(s, storetest.Put("p/a", "one"))
	h.mustRecord(s)
	wraps := h.wrappedKeys()
	if err := again(s); err != nil {
		h.t.Error(err)
	}
	h.disk.Mark(markRekeyed{})
	h.disk.Mark(wraps)
	h.mustApply(s, storetest.Put("p/a", "two"))
	h.mustRecord(s)
	h.close(s)
}

// wrappedKeys returns the keys wrapped with the master key, and its check values.
func (h *history) wrappedKeys() markScrubbed {
	return append(h.blobs("vault.db", `SELECT wrapped FROM epoch UNION SELECT value FROM meta WHERE name IN ('check', 'trail')`),
		h.blobs("access.db", `SELECT value FROM meta WHERE name IN ('check', 'trail')`)...)
}

// runReencrypt makes a new data key and seals every record with it.
func (h *history) runReencrypt() {
	again := func(s *sqlite.Store) error {
		_, err := s.Reencrypt(context.Background(), nil)
		return err
	}
	h.finish = again
	s := h.open()
	for n := range 4 {
		h.mustApply(s, storetest.Put("p/a", "x"), storetest.Put(fmt.Sprint("p/b", n), "y"))
	}
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE sealed IS NOT NULL`)
	if _, err := s.NewEpoch(context.Background()); err != nil {
		h.t.Error(err)
	}
	h.mustApply(s, storetest.Put("p/a", "under the new key"))
	if err := again(s); err != nil {
		h.t.Error(err)
	}
	h.disk.Mark(records)
	h.mustApply(s, storetest.Put("p/a", "last"))
	h.close(s)
}

// runPrune removes versions and access entries.
func (h *history) runPrune() {
	again := func(s *sqlite.Store) error {
		_, err := s.PruneVersions(context.Background(), sqlite.VersionLimit{Keep: 1}, nil)
		return err
	}
	s := h.open()
	for n := range 3 {
		h.mustApply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", fmt.Sprint(n)))
		h.mustRecord(s)
		h.mustRecord(s)
	}
	h.mustApply(s, storetest.On(myvault.OpDelete, "p/b"))
	time.Sleep(2 * syncPromise)
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE version < 3 AND sealed IS NOT NULL`)
	if err := again(s); err != nil {
		h.t.Error(err)
	}
	h.disk.Mark(records)
	h.mustApply(s, storetest.Put("p/a", "behind"))
	h.disk.Mark(markPruning(4))
	if n, err := s.PruneAccess(context.Background(), sqlite.AccessLimit{UpTo: 4}, nil); err != nil || n != 4 {
		h.t.Errorf("%d access entries were pruned, %v", n, err)
	}
	h.mustRecord(s)
	time.Sleep(2 * syncPromise)
	h.close(s)
}

// runBackupAndRestore makes a backup while the store is used, and restores it beside the store.
func (h *history) runBackupAndRestore() {
	s := h.open()
	h.mustApply(s, storetest.Put("p/a", "one"), storetest.Put("p/b", "two"))
	h.mustRecord(s)
	root := filepath.Dir(h.dir)
	if _, err := s.Backup(context.Background(), filepath.Join(root, "backup"), nil); err != nil {
		h.t.Error(err)
	}
	h.disk.Mark(markMade("backup"))
	h.mustApply(s, storetest.Put("p/a", "three"))
	restored := filepath.Join(root, "restored")
	if _, err := h.config.Restore(context.Background(), filepath.Join(root, "backup"), restored, sqlite.StaticKey(h.keys[0])); err != nil {
		h.t.Error(err)
	}
	h.disk.Mark(markMade("restored/vault.db"))
	h.disk.Mark(markMade("restored/access.db"))
	h.mustApply(s, storetest.Put("p/a", "four"))
	h.close(s)
}

// checkBeside checks that a backup and a restored store beside the store are complete.
func (h *history) checkBeside(root string, config storetest.Options) error {
	ctx, key := context.Background(), sqlite.StaticKey(h.keys[0])
	var errs []error
	if _, err := os.Stat(filepath.Join(root, "backup")); err == nil {
		_, err := sqlite.VerifyBackup(ctx, filepath.Join(root, "backup"), key)
		errs = append(errs, err)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "restored")); err == nil {
		s, err := config.Open(ctx, filepath.Join(root, "restored"), key)
		if err != nil {
			return fmt.Errorf("restored: %w", err)
		}
		_, err = s.Verify(ctx)
		if err == nil {
			_, err = s.Get(ctx, storetest.Addr("p/a"), 0)
		}
		errs = append(errs, err, s.Close())
	}
	return errors.Join(errs...)
}

// checkOperation checks the promise of an operation.
func (h *history) checkOperation(f *remains, cut simdisk.Cut, mark any) error {
	switch m := mark.(type) {
	case markRekeyed:
		if f.key != len(h.keys)-1 {
			return errors.New("the store opens with an old key")
		}
	case markMade:
		if _, there := cut.Image[string(m)]; !there {
			return fmt.Errorf("%s was made but is missing", m)
		}
	}
	return nil
}
