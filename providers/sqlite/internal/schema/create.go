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

// CreateIfMissing creates the file if it is missing. If another process creates it first, that
// file is checked and used.
func (k Kind) CreateIfMissing(ctx context.Context, dir string, key crypto.Key, vfs string, d directory.Disk) error {
	path := filepath.Join(dir, k.Name)
	if _, err := os.Lstat(path); !fault.NotExist(err) {
		return err
	}
	temporary, lock, err := k.create(ctx, dir, key, vfs, d)
	defer removeTemporary(temporary, lock)
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

// create writes a complete file under a temporary name, and syncs it.
func (k Kind) create(ctx context.Context, dir string, key crypto.Key, vfs string, d directory.Disk) (path string, lock io.Closer, err error) {
	f, lock, err := d.CreateTemp(dir, directory.TemporaryPrefix+k.Name+"-*")
	if err != nil {
		return "", nil, err
	}
	path = f.Name()
	defer func() { err = errors.Join(err, f.Close()) }()
	c, err := db.Connect(ctx, path, db.Settings{VFS: vfs, Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB})
	if err != nil {
		return path, lock, err
	}
	err = fault.Guard(func() error {
		if err := k.fill(ctx, c, key); err != nil {
			return err
		}
		// Closing the last connection checkpoints too, but returns no error.
		_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
		return err
	})
	if err := errors.Join(err, c.Close()); err != nil {
		return path, lock, err
	}
	return path, lock, d.Sync(f)
}

// fill creates the tables and the keys.
func (k Kind) fill(ctx context.Context, c *db.Conn, key crypto.Key) error {
	if err := k.Migrate(ctx, c); err != nil {
		return err
	}
	return c.Transaction(ctx, func() error {
		ring, err := keyring.Create(c, key)
		if err != nil || k.Name != VaultFile.Name {
			return err
		}
		if _, err := ring.CreateEpoch(c, 1, 1, time.Now().UnixMicro()); err != nil {
			return err
		}
		return ring.CreateIncarnation(c)
	})
}

func removeTemporary(path string, lock io.Closer) {
	if path == "" {
		return
	}
	for _, suffix := range directory.DatabaseSuffixes {
		_ = os.Remove(path + suffix)
	}
	_ = lock.Close()
}
