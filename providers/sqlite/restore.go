package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/archive"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// VerifyBackup verifies the backup at path as [Store.Verify] does a store, with the master
// key it was made under, and compares it with earlier heads. Meanwhile it unpacks the files
// in [os.TempDir], for the owner alone, which needs the size of the backup.
//
// It returns [ErrForeign] for a file that is no backup, [ErrNewer], [myvault.ErrWrongKey],
// [myvault.ErrTampered] for a backup that was altered, cut or extended, and
// [myvault.ErrUnavailable] for errors of the disk.
func VerifyBackup(ctx context.Context, path string, keys KeySource, earlier ...myvault.Head) (report Report, err error) {
	if report, err = verifyBackup(ctx, path, keys, options{Parts: seam.From(ctx)}, earlier); err != nil {
		return report, fmt.Errorf("verify backup: %w", fault.FromAny(ctx, err))
	}
	return report, nil
}

func verifyBackup(ctx context.Context, path string, keys KeySource, c options, earlier []myvault.Head) (report Report, err error) {
	above := cmp.Or(c.TempDir, os.TempDir())
	if err := directory.Sweep(above, directory.TempNames(verifyPrefix)); err != nil {
		return report, err
	}
	dir, claimed, err := c.Disk.MkdirTemp(above, verifyPrefix+"*")
	if err != nil {
		return report, err
	}
	defer claimed.Close()
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, err := unpack(ctx, path, dir, keys, c.Disk)
	if err != nil {
		return report, err
	}
	return verifyUnpacked(ctx, dir, key, c, earlier, func(*Store) error { return nil })
}

// Restore creates a store in dir from the backup at path. It returns [fs.ErrExist] unless
// dir is missing or empty. It verifies the whole backup first, as [VerifyBackup] does; then
// dir appears at once. The next Restore beside dir, or the next opening of a store there,
// removes the leftovers of a crash. A symbolic link at dir is [ErrForeign]; directories
// above it may be links.
//
// The new store has the values, versions and trail of the backup, but its own incarnation
// and data key. So no client mistakes a version for one that the old store made later, and
// the two never encrypt under the same key. The trail records the restore. With the heads
// that [Store.Backup] returned, Restore proves that path is that backup and not an older
// one.
//
// After an error, which is one of [VerifyBackup], there is no store in dir. The exception
// is [myvault.ErrUnknownOutcome]: the name of dir may be gone after a power cut.
func Restore(ctx context.Context, path, dir string, keys KeySource, c Config, earlier ...myvault.Head) (report Report, err error) {
	if report, err = restore(ctx, path, dir, keys, options{c, seam.From(ctx)}, earlier); err != nil {
		return report, fmt.Errorf("restore: %w", fault.FromAny(ctx, err))
	}
	return report, nil
}

func restore(ctx context.Context, path, dir string, keys KeySource, c options, earlier []myvault.Head) (report Report, err error) {
	if dir, err = emptyDirectory(dir, directory.System{Network: c.Network, Disk: c.Disk}); err != nil {
		return report, err
	}
	parent := filepath.Dir(dir)
	if err := directory.Sweep(parent, anyRestore); err != nil {
		return report, err
	}
	temporary, claimed, err := c.Disk.MkdirTemp(parent, restorePrefix+filepath.Base(dir)+"-*") // with mode 0700
	if err != nil {
		return report, err
	}
	defer claimed.Close()
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	defer directory.TouchEvery(temporary, directory.StaleAfter/4)()
	key, err := unpack(ctx, path, temporary, keys, c.Disk)
	if err != nil {
		return report, err
	}
	report, err = verifyUnpacked(ctx, temporary, key, c, earlier, func(s *Store) error { return s.revive(ctx) })
	if err == nil {
		err = syncFiles(temporary, c.Disk)
	}
	if err != nil {
		return report, err
	}
	return report, c.Disk.PublishDir(temporary, dir)
}

// verifyPrefix begins the names of the directories in which backups are verified.
const verifyPrefix = "myvault-verify-"

// restorePrefix begins the names of the directories in which stores are restored. The name
// of the store and a number follow.
const restorePrefix = directory.TemporaryPrefix + "restore-"

// anyRestore reports whether name is that of a directory in which a store is being restored.
func anyRestore(name string) bool {
	i := strings.LastIndexByte(name, '-') + 1
	return strings.HasPrefix(name, restorePrefix) && directory.TempNames(name[:i])(name)
}

// emptyDirectory returns the absolute path of dir if it is missing or empty, and on a file
// system that can hold a store.
func emptyDirectory(dir string, sys directory.System) (string, error) {
	dir, err := sys.Locate(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		return "", notDirectory(info)
	}
	if err := directory.WrapExposed(trusted.Path(dir)); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !fault.NotExist(err) {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%w: %s is not empty; restore into a new directory, then use that", fs.ErrExist, dir)
	}
	return dir, sys.Mkdir(filepath.Dir(dir))
}

// notDirectory returns ErrForeign for a file at the path of the store, which the restored
// directory would replace.
func notDirectory(info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w: %s is a symbolic link; restore into the directory that it points at", fault.ErrForeign, info.Name())
	}
	return fmt.Errorf("%w: %s is no directory", fault.ErrForeign, info.Name())
}

// unpack writes the files of a backup into dir and returns the key that opened it.
func unpack(ctx context.Context, path, dir string, keys KeySource, d directory.Disk) (crypto.Key, error) {
	key, err := keyring.Source(keys).Key(ctx)
	if err != nil {
		return key, err
	}
	f, err := d.Open(path)
	if err != nil {
		return key, err
	}
	defer f.Close()
	from, err := archive.Open(d.Wrap(f), key)
	if err != nil {
		return key, err
	}
	return key, archive.Extract(ctx, from, dir, []string{schema.VaultFile.Name, schema.AccessFile.Name}, d)
}

// verifyUnpacked opens the store that was unpacked into dir, verifies it and calls f.
func verifyUnpacked(ctx context.Context, dir string, key crypto.Key, c options, earlier []myvault.Head, f func(*Store) error) (report Report, err error) {
	c.Trail, c.HeadsFile = keepAll, ""
	s, err := open(ctx, dir, StaticKey(key), c)
	if err != nil {
		return report, err
	}
	if report, err = s.Verify(ctx, earlier...); err == nil {
		err = f(s)
	}
	return report, errors.Join(err, s.Close())
}

// revive assigns the store a new incarnation and a new data key.
func (s *Store) revive(ctx context.Context) error {
	err := s.file.Writer.Do(ctx, &wal.Request{Apply: func(c *db.Conn) error {
		if err := s.file.Keys.CreateIncarnation(c); err != nil {
			return err
		}
		return s.startEpoch(c)
	}})
	if err != nil {
		return err
	}
	return s.trail.RecordOutcome(ctx, "restore", nil)
}

// syncFiles syncs the files of a closed store in dir.
func syncFiles(dir string, d directory.Disk) error {
	for _, k := range archiveKinds {
		if err := d.SyncFile(filepath.Join(dir, k.Name)); err != nil {
			return err
		}
	}
	return nil
}
