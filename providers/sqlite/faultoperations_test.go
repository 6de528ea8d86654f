package sqlite_test

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
)

// What an operator may do with a store while the disk fails. Each ends whole or tells the truth, can be
// called again, and leaves no half behind.

// releasedMode is releasedStore with the modes of a store.
func releasedMode(t *testing.T, root string) {
	releasedStore(t, root)
	for _, name := range []string{"vault.db", "access.db"} {
		must(t, os.Chmod(filepath.Join(root, "store", name), 0o600))
	}
}

// furnished opens a store and puts into it what operations work on.
func (h *history) furnished() *sqlite.Store {
	s := h.open()
	for n := range 3 {
		h.must(s, put("p/a", "x"), put("p/b", fmt.Sprint(n)))
		h.mustRead(s)
	}
	h.must(s, on(myvault.OpDelete, "p/b"))
	time.Sleep(2 * syncPromise)
	return s
}

// goesOn uses the store behind an operation, and leaves it.
func (h *history) goesOn(s *sqlite.Store) {
	h.dares(s, put("p/a", "behind"))
	h.looks(s, "p/a")
	h.daresToRead(s)
	h.tidy()
	h.leaves(s)
}

// tidy proves that nothing half made is left beside the store or in it.
func (h *history) tidy() {
	root := filepath.Dir(h.dir)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".making-") || strings.HasPrefix(filepath.Base(path), "myvault-verify-") {
			h.t.Errorf("%s is left", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

func (h *history) livesThroughARekey() {
	key, err := crypto.ParseKey(otherKey)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys = append(h.keys, key)
	h.finish = func(s *sqlite.Store) error { return s.Rekey(context.Background(), key) }
	s := h.furnished()
	wraps := h.wraps()
	h.arm()
	if err := h.finish(s); err == nil {
		h.disk.Mark(markRekeyed{})
		h.disk.Mark(wraps)
	} else {
		h.honest("a change of the master key", err)
	}
	h.goesOn(s)
}

func (h *history) livesThroughAReseal() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.Reencrypt(context.Background(), nil)
		return err
	}
	s := h.furnished()
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE sealed IS NOT NULL`)
	h.arm()
	_, err := s.NewEpoch(context.Background())
	h.honest("a new epoch", err)
	h.dares(s, put("p/c", "under the newest key"))
	again := h.finish(s)
	h.honest("sealing anew", again)
	if err == nil && again == nil {
		h.disk.Mark(records)
	}
	h.goesOn(s)
}

func (h *history) livesThroughVersions() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.PruneVersions(context.Background(), sqlite.VersionLimit{Keep: 1}, nil)
		return err
	}
	s := h.furnished()
	records := h.blobs("vault.db", `SELECT sealed FROM log WHERE version < 3 AND sealed IS NOT NULL`)
	h.arm()
	if err := h.finish(s); err == nil {
		h.disk.Mark(records)
	} else {
		h.honest("pruning of versions", err)
	}
	h.goesOn(s)
}

func (h *history) livesThroughEntries() {
	h.finish = func(s *sqlite.Store) error {
		_, err := s.PruneAccess(context.Background(), sqlite.AccessLimit{UpTo: 2}, nil)
		return err
	}
	s := h.furnished()
	h.disk.Mark(markPruning(2))
	h.arm()
	h.honest("pruning of entries", h.finish(s))
	h.goesOn(s)
}

func (h *history) livesThroughABackup() {
	s := h.furnished()
	path := filepath.Join(filepath.Dir(h.dir), "backup")
	h.arm()
	heads, err := s.Backup(context.Background(), path, nil)
	h.honest("a backup", err)
	if h.published(path, heads != nil) {
		h.disk.Mark(markMade("backup"))
	}
	h.again = func(s *sqlite.Store) error {
		_, err := s.Backup(context.Background(), path+".2", nil)
		return err
	}
	h.goesOn(s)
}

// published reports whether something stands at the path, which must be so where that was said.
func (h *history) published(path string, said bool) bool {
	_, err := os.Lstat(path)
	if there := err == nil; there != said {
		h.t.Errorf("that %s was made is said to be %v and is %v", filepath.Base(path), said, there)
	}
	return said
}

// backedUp leaves a backup beside the store.
func (h *history) backedUp() (s *sqlite.Store, path string) {
	s = h.furnished()
	path = filepath.Join(filepath.Dir(h.dir), "backup")
	if _, err := s.Backup(context.Background(), path, nil); err != nil {
		h.t.Fatal(err)
	}
	h.disk.Mark(markMade("backup"))
	return s, path
}

func (h *history) livesThroughARestore() {
	s, backup := h.backedUp()
	to := filepath.Join(filepath.Dir(h.dir), "restored")
	restore := func(to string) error {
		_, err := h.config.Restore(context.Background(), backup, to, sqlite.StaticKey(h.keys[0]))
		return err
	}
	h.arm()
	err := restore(to)
	h.honest("a restore", err)
	if h.published(to, err == nil) {
		h.disk.Mark(markMade("restored/vault.db"))
		h.disk.Mark(markMade("restored/access.db"))
	}
	h.again = func(*sqlite.Store) error {
		to += "-again"
		return restore(to)
	}
	h.goesOn(s)
}

func (h *history) livesThroughAProof() {
	s, backup := h.backedUp()
	root := filepath.Dir(h.dir)
	h.again = func(*sqlite.Store) error {
		_, err := sqlite.VerifyBackupIn(context.Background(), backup, root, sqlite.StaticKey(h.keys[0]), h.config)
		return err
	}
	h.arm()
	h.honest("a proof of a backup", h.again(s))
	h.goesOn(s)
}

// errFails is what a disk says that does not answer.
var errFails = &fs.PathError{Op: "sync", Path: "a directory", Err: syscall.EIO}

// A name that did not come to the disk would be gone after a power cut, so what failed is not
// there: one that is there was made.
func TestANameThatIsNotSyncedIsTakenBack(t *testing.T) {
	is := is.New(t)
	key, root, out := crypto.NewKey(), t.TempDir(), t.TempDir()
	var broken atomic.Bool
	config := sqlite.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
		if broken.Load() && f.Name() == out {
			return errFails
		}
		return f.Sync()
	})
	s := openWith(t, filepath.Join(root, "store"), key, config)
	_, err := apply(s, put("p/a", "one"))
	is.NoErr(err)
	backup := filepath.Join(root, "backup")
	_, err = s.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	broken.Store(true)
	heads, err := s.Backup(t.Context(), filepath.Join(out, "backup"), nil)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk failed; look after it"))
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

// What a backup has no space for is told as that, and nothing is left.
func TestAFullDiskUnderABackup(t *testing.T) {
	is := is.New(t)
	key, root, out := crypto.NewKey(), t.TempDir(), t.TempDir()
	var full atomic.Bool
	config := sqlite.OptionsOf(sqlite.Config{}).WithFailing(func(operation, path string, size int) (int, error) {
		if full.Load() && operation == "write" && strings.HasPrefix(path, out) {
			return size / 2, &fs.PathError{Op: operation, Path: path, Err: syscall.ENOSPC}
		}
		return size, nil
	})
	s := openWith(t, filepath.Join(root, "store"), key, config)
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
	_, err = sqlite.VerifyBackupIn(t.Context(), backup, out, sqlite.StaticKey(key), config)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	left, err := os.ReadDir(out)
	is.NoErr(err)
	is.Equal(len(left), 0)
}

// The names of files come to the disk behind their contents, and before the directory has its own.
func TestNamesInARestoredStoreAreSynced(t *testing.T) {
	is := is.New(t)
	key, root := crypto.NewKey(), t.TempDir()
	s := openWith(t, filepath.Join(root, "store"), key, sqlite.Config{})
	backup := filepath.Join(root, "backup")
	_, err := s.Backup(t.Context(), backup, nil)
	is.NoErr(err)
	var synced []string
	config := sqlite.OptionsOf(sqlite.Config{}).WithFsync(func(f *os.File) error {
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
