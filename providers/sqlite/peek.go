package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// peek decides whether the file may be opened, without changing a byte of it, of its
// write-ahead log or of its shared memory, and without a lock. It gives nil where
// there is no file, else ErrForeign, ErrNewer or myvault.ErrWrongKey.
func (k kind) peek(ctx context.Context, path string, key crypto.Key) error {
	info, err := os.Lstat(path)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return notRegular(info)
	}
	// Another process that writes meanwhile can tear what is read without a lock. So a
	// refusal is believed only once it has stood for a while.
	for try := 0; ; try++ {
		err := k.peekOnce(path, key)
		if err == nil || try == 2 {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k kind) peekOnce(path string, key crypto.Key) error {
	registerPeek()
	ours := false
	err := guard(func() (err error) {
		db, err := sqlite3.OpenFlags(uri(path, peekVFS), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
		if err != nil {
			return err
		}
		c := &conn{Conn: db, stmts: map[string]*sqlite3.Stmt{}}
		defer func() { err = errors.Join(err, c.close()) }()
		if _, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
			return err
		}
		if err := c.distrust(); err != nil {
			return err
		}
		// Exclusive mode keeps the index of the write-ahead log on the heap.
		if err := c.Exec(`PRAGMA locking_mode=EXCLUSIVE`); err != nil {
			return err
		}
		if err := k.identify(c); err != nil {
			return err
		}
		ours = true
		return k.tryKey(c, key)
	})
	code, ofEngine := engineCode(err)
	switch {
	case !ofEngine:
		return err
	case code == sqlite3.IOERR, code == sqlite3.CANTOPEN, code == sqlite3.NOMEM:
		return fmt.Errorf("%w: %s: %w", myvault.ErrUnavailable, k.name, err)
	case ours:
		return fmt.Errorf("%w: %s: %w", myvault.ErrTampered, k.name, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrForeign, k.name, err)
}

// identify refuses a file of another kind, or of a version that is not known.
func (k kind) identify(c *conn) error {
	application, err := c.number("application_id")
	if err != nil {
		return err
	}
	if int32(application) != k.application {
		return fmt.Errorf("%w: %s has another application id", ErrForeign, k.name)
	}
	version, err := c.number("user_version")
	if err == nil && version > k.version() {
		err = fmt.Errorf("%w: %s has version %d and this program knows %d; use a newer program", ErrNewer, k.name, version, k.version())
	}
	return err
}

// tryKey refuses a key that the file was not made with.
func (k kind) tryKey(c *conn, key crypto.Key) error {
	id, err := c.meta(metaVault)
	if err != nil {
		return err
	}
	check, err := c.meta(metaCheck)
	if err != nil {
		return err
	}
	if len(id) != crypto.VaultIDSize || len(check) == 0 {
		return tampered("%s has no vault id or no check value", k.name)
	}
	master, err := crypto.NewMaster(key, id)
	if err == nil && !master.Matches(check) {
		err = fmt.Errorf("%w: %s was made with another", myvault.ErrWrongKey, k.name)
	}
	return err
}

// peekVFS names the read-only file system that peek uses.
const peekVFS = "myvault-peek"

// registerPeek makes it known to the engine, which has one register for the process.
var registerPeek = sync.OnceFunc(func() { vfs.Register(peekVFS, readOnlyVFS{}) })

// readOnlyVFS opens files for reading only, takes no locks and has no shared memory.
type readOnlyVFS struct{}

func (readOnlyVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	f, err := os.Open(name)
	if missing(err) && flags&vfs.OPEN_WAL != 0 {
		f, err = nil, nil // the engine would make an empty one
	}
	if err != nil {
		return nil, flags, err
	}
	flags &^= vfs.OPEN_READWRITE | vfs.OPEN_CREATE
	return readOnlyFile{f}, flags | vfs.OPEN_READONLY, nil
}

func (readOnlyVFS) Delete(string, bool) error { return sqlite3.IOERR_DELETE }

func (readOnlyVFS) Access(name string, _ vfs.AccessFlag) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (readOnlyVFS) FullPathname(name string) (string, error) { return name, nil }

// readOnlyFile reads a file, or an empty one where f is nil.
type readOnlyFile struct{ f *os.File }

func (r readOnlyFile) Close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

func (r readOnlyFile) ReadAt(p []byte, off int64) (int, error) {
	if r.f == nil {
		return 0, io.EOF
	}
	return r.f.ReadAt(p, off)
}

func (r readOnlyFile) Size() (int64, error) {
	if r.f == nil {
		return 0, nil
	}
	info, err := r.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (readOnlyFile) WriteAt([]byte, int64) (int, error)              { return 0, sqlite3.READONLY }
func (readOnlyFile) Truncate(int64) error                            { return sqlite3.READONLY }
func (readOnlyFile) Sync(vfs.SyncFlag) error                         { return nil }
func (readOnlyFile) Lock(vfs.LockLevel) error                        { return nil }
func (readOnlyFile) Unlock(vfs.LockLevel) error                      { return nil }
func (readOnlyFile) CheckReservedLock() (bool, error)                { return false, nil }
func (readOnlyFile) SectorSize() int                                 { return 0 }
func (readOnlyFile) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }
