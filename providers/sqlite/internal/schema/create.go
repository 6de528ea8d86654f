package schema

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// CreateIfMissing makes the file unless it is there. A process that makes it at the same time may
// win; then its file is used, once it has passed the checks.
func (k Kind) CreateIfMissing(ctx context.Context, dir string, key crypto.Key, vfs string, d directory.Disk) error {
	path := filepath.Join(dir, k.Name)
	if _, err := os.Lstat(path); !fault.NotExist(err) {
		return err
	}
	temporary, claimed, err := k.make(ctx, dir, key, vfs, d)
	defer removeAll(temporary, claimed)
	if err != nil {
		return err
	}
	// Unlike a rename, a link never replaces a file.
	err = d.Link(temporary, path)
	if errors.Is(err, fs.ErrExist) {
		return k.peek(ctx, path, key)
	}
	if err != nil {
		return err
	}
	return d.SyncDir(dir)
}

// make builds a complete file under a temporary name, and makes it durable.
func (k Kind) make(ctx context.Context, dir string, key crypto.Key, vfs string, d directory.Disk) (path string, claimed io.Closer, err error) {
	f, claimed, err := d.CreateTemp(dir, directory.TemporaryPrefix+k.Name+"-*")
	if err != nil {
		return "", nil, err
	}
	path = f.Name()
	defer func() { err = errors.Join(err, f.Close()) }()
	c, err := db.Connect(ctx, path, db.Settings{VFS: vfs, Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB})
	if err != nil {
		return path, claimed, err
	}
	err = fault.Guard(func() error {
		if err := k.fill(ctx, c, key); err != nil {
			return err
		}
		// Closing the only connection does this too, but tells of no error.
		_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
		return err
	})
	if err := errors.Join(err, c.Close()); err != nil {
		return path, claimed, err
	}
	return path, claimed, d.Sync(f)
}

// fill makes the tables and the keys.
func (k Kind) fill(ctx context.Context, c *db.Conn, key crypto.Key) error {
	if err := k.Migrate(ctx, c); err != nil {
		return err
	}
	return c.Transaction(ctx, func() error {
		keys, err := keyring.Create(c, key)
		if err != nil || k.Name != VaultFile.Name {
			return err
		}
		if _, err := keys.CreateEpoch(c, 1, 1, time.Now().UnixMicro()); err != nil {
			return err
		}
		return keys.CreateIncarnation(c)
	})
}

func removeAll(path string, claimed io.Closer) {
	if path == "" {
		return
	}
	for _, suffix := range directory.DatabaseSuffixes {
		_ = os.Remove(path + suffix)
	}
	_ = claimed.Close()
}
