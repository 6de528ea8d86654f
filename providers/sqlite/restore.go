package sqlite

import (
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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// VerifyBackup proves a backup as [Store.Verify] does a store, with the master key that was in
// force when it was made, and compares it with earlier heads. It needs the size of the backup in
// free space in [os.TempDir], where the files stand meanwhile for the owner alone.
//
// [ErrForeign] for what is no backup, [ErrNewer], [myvault.ErrWrongKey], and
// [myvault.ErrTampered] for one that was altered, cut or went on. [myvault.ErrUnavailable] where the disk
// refuses.
func VerifyBackup(ctx context.Context, path string, keys KeySource, earlier ...myvault.Head) (report Report, err error) {
	if report, err = verifyBackup(ctx, path, os.TempDir(), keys, options{}, earlier); err != nil {
		return report, fmt.Errorf("verify backup: %w", fault.Operational(ctx, err))
	}
	return report, nil
}

func verifyBackup(ctx context.Context, path, above string, keys KeySource, c options, earlier []myvault.Head) (report Report, err error) {
	if err := directory.Sweep(above, directory.Numbered(verifyPrefix)); err != nil {
		return report, err
	}
	dir, claimed, err := c.disk.MkdirTemp(above, verifyPrefix+"*")
	if err != nil {
		return report, err
	}
	defer claimed.Close()
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, err := unpack(ctx, path, dir, keys, c.disk)
	if err != nil {
		return report, err
	}
	return verifyUnpacked(ctx, dir, key, c, earlier, func(*Store) error { return nil })
}

// Restore makes a store in dir, which must be missing or empty ([fs.ErrExist] otherwise), of a
// backup. The whole backup is proved first, as [VerifyBackup] does; only then does dir appear,
// all at once. What a crash leaves beside dir is removed by the next call beside it, or
// by the next opening of a store there. A symbolic link at dir is [ErrForeign]; directories above
// it may be links.
//
// The new store has the values, versions and trail of the backup, and two things of its own: another
// incarnation, so that no client takes a version for one that the old store made later, and
// a new data key, so that the two never seal under one. Its trail records the restore. Give
// the heads that [Store.Backup] returned to know that it is that backup and no older one.
//
// Errors are those of [VerifyBackup]; after any of them there is no store in dir, but for
// [myvault.ErrUnknownOutcome]: the disk refused to take its name back, and it may be gone after a power cut.
func Restore(ctx context.Context, path, dir string, keys KeySource, c Config, earlier ...myvault.Head) (report Report, err error) {
	if report, err = restore(ctx, path, dir, keys, options{Config: c}, earlier); err != nil {
		return report, fmt.Errorf("restore: %w", fault.Operational(ctx, err))
	}
	return report, nil
}

func restore(ctx context.Context, path, dir string, keys KeySource, c options, earlier []myvault.Head) (report Report, err error) {
	if dir, err = emptyDirectory(dir, directory.System{Network: c.network, Disk: c.disk}); err != nil {
		return report, err
	}
	parent := filepath.Dir(dir)
	if err := directory.Sweep(parent, anyRestore); err != nil {
		return report, err
	}
	temporary, claimed, err := c.disk.MkdirTemp(parent, restorePrefix+filepath.Base(dir)+"-*") // with mode 0700
	if err != nil {
		return report, err
	}
	defer claimed.Close()
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	defer directory.Touch(temporary, directory.StaleAfter/4)()
	key, err := unpack(ctx, path, temporary, keys, c.disk)
	if err != nil {
		return report, err
	}
	report, err = verifyUnpacked(ctx, temporary, key, c, earlier, func(s *Store) error { return s.revive(ctx) })
	if err == nil {
		err = syncFiles(temporary, c.disk)
	}
	if err != nil {
		return report, err
	}
	return report, c.disk.PublishDir(temporary, dir)
}

// verifyPrefix begins the names of directories in which backups are proved.
const verifyPrefix = "myvault-verify-"

// restorePrefix begins the names of directories in which a store is being restored. The name of
// the store and a number follow.
const restorePrefix = directory.TemporaryPrefix + "restore-"

// anyRestore reports whether a directory of that name is being restored, under whatever name it
// will get.
func anyRestore(name string) bool {
	i := strings.LastIndexByte(name, '-') + 1
	return strings.HasPrefix(name, restorePrefix) && directory.Numbered(name[:i])(name)
}

// emptyDirectory gives the absolute path of a directory that is missing or empty, on a file system
// that can hold a store.
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

// notDirectory gives ErrForeign for what stands where a directory is to be: giving the store
// its name would replace it.
func notDirectory(info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w: %s is a symbolic link; restore into the directory that it points at", fault.ErrForeign, info.Name())
	}
	return fmt.Errorf("%w: %s is no directory", fault.ErrForeign, info.Name())
}

// unpack writes the files of a backup into dir, and gives the key that opened it.
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

// verifyUnpacked opens the store that was unpacked into dir, proves it, and has f change it.
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

// revive begins the new life of a store.
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

// syncFiles brings what stands in a directory of a closed store to the disk.
func syncFiles(dir string, d directory.Disk) error {
	for _, k := range archiveKinds {
		if err := d.SyncFile(filepath.Join(dir, k.Name)); err != nil {
			return err
		}
	}
	return nil
}
