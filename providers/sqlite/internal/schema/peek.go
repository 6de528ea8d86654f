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

// peek checks whether the file may be opened. It locks nothing and does not change the file, its
// write-ahead log or its shared memory. If there is no file, it returns nil. If the file must not
// be opened, it returns the reason, such as ErrForeign, ErrNewer or ErrWrongKey.
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
	// Without a lock, a read may see half of a write of another process. So an error is returned
	// only if three attempts fail.
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
	identified := false
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
		identified = true
		if err := k.checkHeader(c); err != nil {
			return err
		}
		if _, err := k.CheckSchema(c); err != nil {
			return err
		}
		if err := keyring.CheckMaster(c, k.Name, key); err != nil || k.Name != VaultFile.Name || k.AccessOptional {
			return err
		}
		return checkAccessFile(c, path)
	})
	code, fromEngine := fault.EngineCode(err)
	switch {
	case !fromEngine:
		return err
	case code == sqlite3.IOERR, code == sqlite3.CANTOPEN, code == sqlite3.NOMEM:
		return fmt.Errorf("%w: %s: %w", myvault.ErrUnavailable, k.Name, err)
	case identified:
		return fmt.Errorf("%w: %s: %w", myvault.ErrTampered, k.Name, err)
	}
	return fmt.Errorf("%w: %s: %w", fault.ErrForeign, k.Name, err)
}

// Identify checks the application id and the version of the open file. If the file is not of kind
// k or is newer than this program, it returns ErrForeign or ErrNewer.
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
		err = fmt.Errorf("%w: %s has version %d and this program reads up to %d; use a newer program", fault.ErrNewer, k.Name, version, k.Version())
	}
	return err
}

// checkAccessFile returns ErrMissing if vault.db records the id of an access.db, but there is
// none. A new access.db would look as if no secret had been read.
func checkAccessFile(c *db.Conn, path string) error {
	stored, err := c.Meta(keyring.MetaAccess)
	if err != nil || stored == nil {
		return err
	}
	_, err = os.Lstat(filepath.Join(filepath.Dir(path), AccessFile.Name))
	if fault.NotExist(err) {
		return fmt.Errorf("%w: %s; put it back, or open the store once with Config.RenewTrail to continue without its entries",
			fault.ErrMissing, AccessFile.Name)
	}
	return err
}
