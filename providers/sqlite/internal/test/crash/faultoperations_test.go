package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// Operations of an operator while the disk fails. Each is complete or returns an honest error, can
// be repeated, and leaves no temporary file behind.

// releasedMode is releasedStore with the file modes that a store needs.
func releasedMode(t *testing.T, root string) {
	releasedStore(t, root)
	for _, name := range []string{"vault.db", "access.db"} {
		storetest.Must(t, os.Chmod(filepath.Join(root, "store", name), 0o600))
	}
}

// openFilled opens a store and fills it with the data that operations need.
func (h *history) openFilled() *sqlite.Store {
	s := h.open()
	for n := range 3 {
		h.mustApply(s, storetest.Put("p/a", "x"), storetest.Put("p/b", fmt.Sprint(n)))
		h.mustRecord(s)
	}
	h.mustApply(s, storetest.On(myvault.OpDelete, "p/b"))
	time.Sleep(2 * syncPromise)
	return s
}

// useAndClose uses the store after an operation, and closes it.
func (h *history) useAndClose(s *sqlite.Store) {
	h.tryChange(s, storetest.Put("p/a", "behind"))
	h.checkRead(s, "p/a")
	h.tryRecord(s)
	h.checkNoLeftovers()
	h.tryClose(s)
}

// checkNoLeftovers checks that no temporary file is left beside the store or in it.
func (h *history) checkNoLeftovers() {
	root := filepath.Dir(h.dir)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".making-") || strings.HasPrefix(filepath.Base(path), "myvault-verify-") {
			h.t.Errorf("%s is left behind", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

func (h *history) tryRekey() {
	key, err := crypto.ParseKey(otherKey)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys = append(h.keys, key)
	h.finish = func(s *sqlite.Store) error { return s.Rekey(context.Background(), key) }
	s := h.openFilled()
	wraps := h.wrappedKeys()
	h.startFaults()
	if err := h.finish(s); err == nil {
		h.disk.Mark(markRekeyed{})
		h.disk.Mark(wraps)
	} else {
		h.checkError("rekey", err)
	}
	h.useAndClose(s)
}

func (h *history) tryReencrypt() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.Reencrypt(context.Background(), nil)
		return err
	}
	s := h.openFilled()
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE sealed IS NOT NULL`)
	h.startFaults()
	_, err := s.NewEpoch(context.Background())
	h.checkError("new epoch", err)
	h.tryChange(s, storetest.Put("p/c", "under the newest key"))
	again := h.finish(s)
	h.checkError("reencrypt", again)
	if err == nil && again == nil {
		h.disk.Mark(records)
	}
	h.useAndClose(s)
}

func (h *history) tryPruneVersions() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.PruneVersions(context.Background(), sqlite.VersionLimit{Keep: 1}, nil)
		return err
	}
	s := h.openFilled()
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE version < 3 AND sealed IS NOT NULL`)
	h.startFaults()
	if err := h.finish(s); err == nil {
		h.disk.Mark(records)
	} else {
		h.checkError("prune versions", err)
	}
	h.useAndClose(s)
}

func (h *history) tryPruneAccess() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.PruneAccess(context.Background(), sqlite.AccessLimit{UpTo: 2}, nil)
		return err
	}
	s := h.openFilled()
	h.disk.Mark(markPruning(2))
	h.startFaults()
	h.checkError("prune entries", h.finish(s))
	h.useAndClose(s)
}

func (h *history) tryBackup() {
	s := h.openFilled()
	path := filepath.Join(filepath.Dir(h.dir), "backup")
	h.startFaults()
	heads, err := s.Backup(context.Background(), path, nil)
	h.checkError("backup", err)
	if h.checkPublished(path, heads != nil) {
		h.disk.Mark(markMade("backup"))
	}
	h.again = func(s *sqlite.Store) error {
		_, err := s.Backup(context.Background(), path+".2", nil)
		return err
	}
	h.useAndClose(s)
}

// checkPublished checks that the path exists if and only if the operation reported that. It
// returns reported.
func (h *history) checkPublished(path string, reported bool) bool {
	_, err := os.Lstat(path)
	if there := err == nil; there != reported {
		h.t.Errorf("%s: reported as made: %v, exists: %v", filepath.Base(path), reported, there)
	}
	return reported
}

// backedUp makes a backup beside the store.
func (h *history) backedUp() (s *sqlite.Store, path string) {
	s = h.openFilled()
	path = filepath.Join(filepath.Dir(h.dir), "backup")
	if _, err := s.Backup(context.Background(), path, nil); err != nil {
		h.t.Fatal(err)
	}
	h.disk.Mark(markMade("backup"))
	return s, path
}

func (h *history) tryRestore() {
	s, backup := h.backedUp()
	to := filepath.Join(filepath.Dir(h.dir), "restored")
	restore := func(to string) error {
		_, err := h.config.Restore(context.Background(), backup, to, sqlite.StaticKey(h.keys[0]))
		return err
	}
	h.startFaults()
	err := restore(to)
	h.checkError("restore", err)
	if h.checkPublished(to, err == nil) {
		h.disk.Mark(markMade("restored/vault.db"))
		h.disk.Mark(markMade("restored/access.db"))
	}
	h.again = func(*sqlite.Store) error {
		to += "-again"
		return restore(to)
	}
	h.useAndClose(s)
}

func (h *history) tryVerifyBackup() {
	s, backup := h.backedUp()
	root := filepath.Dir(h.dir)
	h.again = func(*sqlite.Store) error {
		_, err := storetest.VerifyBackupIn(context.Background(), backup, root, sqlite.StaticKey(h.keys[0]), h.config)
		return err
	}
	h.startFaults()
	h.checkError("verify backup", h.again(s))
	h.useAndClose(s)
}

// errFails is the error of a disk that fails.
var errFails = &fs.PathError{Op: "sync", Path: "a directory", Err: syscall.EIO}

// TestUnsyncedNameIsRemoved checks that a failed backup or restore leaves no file whose name is not
// on the disk: a power cut could remove it.
func TestUnsyncedNameIsRemoved(t *testing.T) {
	is := is.New(t)
	key, root, out := crypto.NewKey(), t.TempDir(), t.TempDir()
	var broken atomic.Bool
	config := storetest.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		if broken.Load() && f.Name() == out {
			return errFails
		}
		return f.Sync()
	})
	s := storetest.OpenWith(t, filepath.Join(root, "store"), key, config)
	_, err := storetest.Apply(s, storetest.Put("p/a", "one"))
	is.NoErr(err)
	backup := filepath.Join(root, "backup")
	_, err = s.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	broken.Store(true)
	heads, err := s.Backup(t.Context(), filepath.Join(out, "backup"), nil)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk failed; check it"))
	is.Equal(heads, nil)
	_, err = config.Restore(t.Context(), backup, filepath.Join(out, "restored"), sqlite.StaticKey(key))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	left, err := os.ReadDir(out)
	is.NoErr(err)
	is.Equal(len(left), 0)
	broken.Store(false)
	_, err = s.Backup(t.Context(), filepath.Join(out, "backup"), nil)
	is.NoErr(err)
	_, err = config.Restore(t.Context(), backup, filepath.Join(out, "restored"), sqlite.StaticKey(key))
	is.NoErr(err)
}

// TestFullDiskDuringBackup checks that a backup, restore or verification without space reports a
// full disk and leaves nothing behind.
func TestFullDiskDuringBackup(t *testing.T) {
	is := is.New(t)
	key, root, out := crypto.NewKey(), t.TempDir(), t.TempDir()
	var full atomic.Bool
	config := storetest.OptionsOf(sqlite.Config{}).WithFailing(func(operation, path string, size int) (int, error) {
		if full.Load() && operation == "write" && strings.HasPrefix(path, out) {
			return size / 2, &fs.PathError{Op: operation, Path: path, Err: syscall.ENOSPC}
		}
		return size, nil
	})
	s := storetest.OpenWith(t, filepath.Join(root, "store"), key, config)
	backup := filepath.Join(root, "backup")
	_, err := s.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	full.Store(true)
	_, err = s.Backup(t.Context(), filepath.Join(out, "backup"), nil)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	_, err = config.Restore(t.Context(), backup, filepath.Join(out, "restored"), sqlite.StaticKey(key))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	_, err = storetest.VerifyBackupIn(t.Context(), backup, out, sqlite.StaticKey(key), config)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	left, err := os.ReadDir(out)
	is.NoErr(err)
	is.Equal(len(left), 0)
}

// TestNamesInRestoredStoreAreSynced checks that each file is synced before its name, and the names
// before the name of the directory.
func TestNamesInRestoredStoreAreSynced(t *testing.T) {
	is := is.New(t)
	key, root := crypto.NewKey(), t.TempDir()
	s := storetest.OpenWith(t, filepath.Join(root, "store"), key, sqlite.Config{})
	backup := filepath.Join(root, "backup")
	_, err := s.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	var synced []string
	config := storetest.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		synced = append(synced, f.Name())
		return f.Sync()
	})
	_, err = config.Restore(t.Context(), backup, filepath.Join(root, "restored"), sqlite.StaticKey(key))
	is.NoErr(err)
	is.True(len(synced) >= 5)
	last := synced[len(synced)-5:]
	making := last[1]
	is.Equal(last, []string{filepath.Join(making, "vault.db"), making, filepath.Join(making, "access.db"), making, root})
}
