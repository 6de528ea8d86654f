package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/archive"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// KeyChange describes a finished [ChangeKey].
type KeyChange struct {
	KeyFile string // holds the key in force
	Kept    string // holds the key that was in force before; empty if no file still had it
	Resumed bool   // the change was begun by an earlier call, which was interrupted
}

// String returns one line for people.
func (k KeyChange) String() string {
	text := "the master key is changed"
	if k.Resumed {
		text = "the change of the master key that was interrupted is finished"
	}
	text += ": " + k.KeyFile + " holds the new key"
	if k.Kept != "" {
		text += ", " + k.Kept + " the one before; keep both, and copies elsewhere: backups made before need it"
	}
	return text
}

// ChangeKey changes the master key of the store, or of the trail alone, in dir to a new random key
// and installs it in keyFile, the file that the service reads its key from. The store may be in
// use.
//
// It keeps the present key as keyFile.1 (or the next number), writes a new one to keyFile.next,
// changes the store with [Store.Rekey], and renames keyFile.next to keyFile. Each
// step is on the disk before the next one begins, so at any time one of these files opens the
// store. A key that was in force is never removed or overwritten: backups need it, see [BackupKey].
// The new file has the mode of keyFile and belongs to the user of the process. If keyFile is a
// symbolic link, all of this happens where it leads.
//
// After an error, a crash or a power cut, call it again. It asks the store which key is in force
// and continues. If only the installation was left, it makes no further key.
//
// [myvault.ErrWrongKey] if neither keyFile nor keyFile.next opens the store; [fs.ErrNotExist] if
// there is none in dir. ErrUnavailable while another call changes the key in the same file (on
// Linux and macOS; elsewhere make sure that there is one), and if the new key could not be kept:
// the directory of keyFile must be writable, and not in memory unless the store is. ErrUnavailable
// also if the new key is in force but could not be installed: keyFile.next holds it until the next
// call.
// [myvault.ErrUnknownOutcome]: the new key is in force and installed, but bytes of the old wraps
// may be left in the files of the store.
func ChangeKey(ctx context.Context, dir, keyFile string) (KeyChange, error) {
	done, err := changeKey(ctx, dir, keyFile, directory.Disk{})
	if err != nil {
		return done, fmt.Errorf("change of the master key: %w", fault.FromAny(ctx, err))
	}
	return done, nil
}

func changeKey(ctx context.Context, dir, keyFile string, d directory.Disk) (done KeyChange, err error) {
	// Only a path that was read is shown: it may be the key itself, given by mistake.
	if _, err := crypto.ReadKeyFile(keyFile); err != nil {
		return done, err
	}
	file, err := filepath.EvalSymlinks(keyFile)
	if err != nil {
		return done, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return done, err
	}
	k := &keyChange{Disk: d, dir: dir, file: file, next: file + ".next"}
	unlock, err := directory.Lock(filepath.Dir(file))
	if err != nil {
		return done, err
	}
	defer unlock()
	return k.run(ctx)
}

// keyChange is a ChangeKey in progress.
type keyChange struct {
	directory.Disk
	dir        string // of the store
	file, next string
}

// rekeyer is an open store, or a trail without one.
type rekeyer interface {
	Rekey(ctx context.Context, key crypto.Key) error
	Close() error
}

func (k *keyChange) run(ctx context.Context) (done KeyChange, err error) {
	done.KeyFile = k.file
	present, err := k.present()
	if err != nil {
		return done, err
	}
	next, err := crypto.ReadKeyFile(k.next)
	switch {
	case err == nil:
		done.Resumed = true
	case !fault.NotExist(err):
		return done, fmt.Errorf("%s: %w", k.next, err)
	}
	store, installed, err := k.open(ctx, present, next)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if next.Text() != present.Text() {
		if done.Kept, err = k.keep(present); err != nil {
			return done, err
		}
	}
	if !done.Resumed {
		next, err = k.make()
	}
	// Sync the names, also those of an earlier call, so that no power cut removes them.
	if err = errors.Join(err, k.SyncDir(filepath.Dir(k.file))); err != nil {
		return done, err
	}
	if !installed {
		if err = store.Rekey(ctx, next); err != nil && !k.opens(context.WithoutCancel(ctx), next) {
			return done, err
		}
	}
	return done, errors.Join(err, k.install())
}

// present reads the key in keyFile, and refuses a place where a new key could not be kept.
func (k *keyChange) present() (crypto.Key, error) {
	key, err := crypto.ReadKeyFile(k.file)
	if err != nil {
		return key, err
	}
	info, err := os.Stat(k.file)
	if err != nil {
		return key, err
	}
	if !info.Mode().IsRegular() {
		return key, fmt.Errorf("%w: the key file is no regular file, so no key can be installed there", myvault.ErrInvalid)
	}
	if directory.InMemory(filepath.Dir(k.file)) && !directory.InMemory(k.dir) {
		return key, fmt.Errorf("%w: the key file is in memory (%s) and gone after a restart, and so would be the new key; copy it to a disk and change the key there",
			myvault.ErrInvalid, filepath.Dir(k.file))
	}
	return key, nil
}

// open opens the store with the key in force. installed reports whether that is next.
func (k *keyChange) open(ctx context.Context, present, next crypto.Key) (store rekeyer, installed bool, err error) {
	store, err = k.openWith(ctx, present)
	if !errors.Is(err, myvault.ErrWrongKey) {
		return store, false, err
	}
	if !next.IsZero() {
		if store, later := k.openWith(ctx, next); !errors.Is(later, myvault.ErrWrongKey) {
			return store, true, later
		}
	}
	for kept := range keptKeys(k.file) {
		if k.opens(ctx, kept.key) {
			err = fmt.Errorf("%w; the one in %s opens it", err, kept.name)
		}
	}
	return nil, false, err
}

// openWith opens the store or the trail; it never creates one.
func (k *keyChange) openWith(ctx context.Context, key crypto.Key) (rekeyer, error) {
	if _, err := os.Lstat(filepath.Join(k.dir, schema.VaultFile.Name)); err == nil {
		return opened(Open(ctx, k.dir, StaticKey(key), Config{Trail: keepAll}))
	}
	if _, err := os.Lstat(filepath.Join(k.dir, schema.AccessFile.Name)); err == nil {
		return opened(OpenTrail(ctx, k.dir, StaticKey(key), keepAll))
	}
	return nil, fmt.Errorf("there is no store in %s: %w", k.dir, fs.ErrNotExist)
}

// opened keeps a nil pointer from becoming a rekeyer.
func opened[T rekeyer](store T, err error) (rekeyer, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// opens reports whether the store opens with a key.
func (k *keyChange) opens(ctx context.Context, key crypto.Key) bool {
	store, err := k.openWith(ctx, key)
	return err == nil && store.Close() == nil
}

// make writes a new key to keyFile.next, with the mode of keyFile.
func (k *keyChange) make() (crypto.Key, error) {
	key := crypto.NewKey()
	write := func(w io.Writer) error {
		_, err := io.WriteString(w, key.Text()+"\n")
		return err
	}
	name := func(from, to string) error {
		info, err := os.Stat(k.file)
		if err == nil && runtime.GOOS != "windows" {
			err = os.Chmod(from, info.Mode().Perm()&^0o077) // a group may read only root's
		}
		return errors.Join(err, k.PublishFile(from, to))
	}
	return key, k.WriteFile(k.next, write, name, func(_, to string) error { return os.Remove(to) })
}

// keep links keyFile under a second name. A hard link also proves that keyFile can be replaced by a
// rename: a file that is a mount point, as in a container, can be neither linked nor replaced.
func (k *keyChange) keep(present crypto.Key) (string, error) {
	n := 1
	for kept := range keptKeys(k.file) {
		if kept.key.Text() == present.Text() {
			return kept.name, nil
		}
		n = max(n, kept.number+1)
	}
	name := keptName(k.file, n)
	if err := k.Link(k.file, name); err != nil {
		return "", fmt.Errorf("the key file cannot be kept under another name, so it is not replaced: %w", err)
	}
	return name, nil
}

// install puts the new key in the place of the old one.
func (k *keyChange) install() error {
	if err := k.Rename(k.next, k.file); err != nil {
		return fmt.Errorf("%w: %s holds the key in force, and cannot be installed as %s: %w", myvault.ErrUnavailable, k.next, k.file, err)
	}
	return k.SyncDir(filepath.Dir(k.file))
}

// keptKey is a key that was in force, in the file in which [ChangeKey] keeps it.
type keptKey struct {
	name   string
	number int
	key    crypto.Key // zero if the file holds none
}

func keptName(keyFile string, n int) string { return fmt.Sprintf("%s.%d", keyFile, n) }

// keptKeys returns the keys that ChangeKey has kept beside a key file.
func keptKeys(keyFile string) iter.Seq[keptKey] {
	return func(yield func(keptKey) bool) {
		entries, _ := os.ReadDir(filepath.Dir(keyFile)) // an unreadable directory has no kept keys
		kept := directory.TempNames(filepath.Base(keyFile) + ".")
		for _, entry := range entries {
			if !kept(entry.Name()) {
				continue
			}
			n, err := strconv.Atoi(entry.Name()[len(filepath.Base(keyFile))+1:])
			if err != nil {
				continue
			}
			name := filepath.Join(filepath.Dir(keyFile), entry.Name())
			key, _ := crypto.ReadKeyFile(name)
			if !yield(keptKey{name, n, key}) {
				return
			}
		}
	}
}

// BackupKey returns a source of the key that opens the backup at path: the one in keyFile, or one
// that [ChangeKey] has kept beside it. If none does, it returns that of keyFile.
func BackupKey(path, keyFile string) KeySource {
	return func(context.Context) (crypto.Key, error) {
		present, err := crypto.ReadKeyFile(keyFile)
		if err != nil || opensArchive(path, present) {
			return present, err
		}
		if file, err := filepath.EvalSymlinks(keyFile); err == nil {
			keyFile = file
		}
		for kept := range keptKeys(keyFile) {
			if opensArchive(path, kept.key) {
				return kept.key, nil
			}
		}
		return present, nil
	}
}

// opensArchive reports whether a key opens the header of a backup.
func opensArchive(path string, key crypto.Key) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = archive.Open(f, key)
	return err == nil
}
