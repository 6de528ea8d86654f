package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/readonly"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// peek decides whether the file may be opened, without changing a byte of it, of its
// write-ahead log or of its shared memory, and without a lock. It gives nil where
// there is no file, else ErrForeign, ErrNewer or myvault.ErrWrongKey.
func (k Kind) peek(ctx context.Context, path string, key crypto.Key) error {
	info, err := os.Lstat(path)
	if fault.NotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return directory.NotRegular(info)
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

func (k Kind) peekOnce(path string, key crypto.Key) error {
	ours := false
	err := fault.Guard(func() (err error) {
		opened, err := sqlite3.OpenFlags(db.URI(path, readonly.VFS()), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
		if err != nil {
			return err
		}
		c := db.Wrap(opened)
		defer func() { err = errors.Join(err, c.Close()) }()
		if err := c.ConfigureReadOnly(); err != nil {
			return err
		}
		if err := k.Identify(c); err != nil {
			return err
		}
		ours = true
		if err := k.checkHeader(c); err != nil {
			return err
		}
		if _, err := k.CheckSchema(c); err != nil {
			return err
		}
		if err := keyring.CheckMaster(c, k.Name, key); err != nil || k.Name != VaultFile.Name || k.Alone {
			return err
		}
		return trailKept(c, path)
	})
	code, ofEngine := fault.EngineCode(err)
	switch {
	case !ofEngine:
		return err
	case code == sqlite3.IOERR, code == sqlite3.CANTOPEN, code == sqlite3.NOMEM:
		return fmt.Errorf("%w: %s: %w", myvault.ErrUnavailable, k.Name, err)
	case ours:
		return fmt.Errorf("%w: %s: %w", myvault.ErrTampered, k.Name, err)
	}
	return fmt.Errorf("%w: %s: %w", fault.ErrForeign, k.Name, err)
}

// Identify refuses a file of another kind, or of a version that is not known.
func (k Kind) Identify(c *db.Conn) error {
	application, err := c.Number("application_id")
	if err != nil {
		return err
	}
	if int32(application) != k.application {
		return fmt.Errorf("%w: %s has another application id", fault.ErrForeign, k.Name)
	}
	version, err := c.Number("user_version")
	if err == nil && version > k.Version() {
		err = fmt.Errorf("%w: %s has version %d and this program knows %d; use a newer program", fault.ErrNewer, k.Name, version, k.Version())
	}
	return err
}

// trailKept gives ErrMissing where vault.db remembers an access.db and none is there: one made
// in its place would look as if nothing had been read. It changes nothing.
func trailKept(c *db.Conn, path string) error {
	stored, err := c.Meta(keyring.MetaAccess)
	if err != nil || stored == nil {
		return err
	}
	_, err = os.Lstat(filepath.Join(filepath.Dir(path), AccessFile.Name))
	if fault.NotExist(err) {
		return fmt.Errorf("%w: %s; put it back, or open the store once with Config.RenewTrail to go on without the entries in it",
			fault.ErrMissing, AccessFile.Name)
	}
	return err
}
