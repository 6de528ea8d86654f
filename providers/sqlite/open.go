package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/seam"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Open opens the store in dir. If there is none it creates one, and dir with it, for the owner
// alone.
//
// Open asks for the key first and returns the error of the source if there is one. Then, before it
// writes anything, it checks the directory and the files. It returns ErrNetworkFS, ErrExposed,
// ErrForeign, ErrNewer, ErrMissing, [myvault.ErrWrongKey] or [myvault.ErrTampered] for a directory
// that must not be opened, and ErrUnavailable for files that cannot be opened now. It returns
// [errors.ErrUnsupported] for an access.db with entries from before the first release. The error
// names dir.
func Open(ctx context.Context, dir string, keys KeySource, c Config) (*Store, error) {
	return open(ctx, dir, keys, options{c, seam.From(ctx)})
}

// options are a Config with the parts that tests replace.
type options struct {
	Config
	seam.Parts
}

func open(ctx context.Context, dir string, keys KeySource, c options) (*Store, error) {
	if c.MaxProjects <= 0 {
		c.MaxProjects = myvault.MaxProjects
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = rowcache.DefaultCacheBytes
	}
	if c.EpochLimit == 0 {
		c.EpochLimit = epochLimit
	}
	vault := schema.VaultFile
	vault.AccessOptional = c.RenewTrail
	key, absolute, err := admit(ctx, dir, keys, directory.System{Network: c.Network, Disk: c.Disk}, vault, schema.AccessFile)
	if err != nil {
		return nil, notOpened("store", dir, err)
	}
	s := &Store{registered: map[string]bool{}, maxProjects: c.MaxProjects, headsFile: c.HeadsFile, epochLimit: c.EpochLimit, cache: rowcache.NewCache(c.CacheBytes)}
	if err := s.start(ctx, absolute, key, keys, c); err != nil {
		return nil, notOpened("store", dir, fault.FromOS(err))
	}
	if c.Opened != nil {
		c.Opened(seam.Rooms{Vault: s.file, Trail: s.trail, Cache: s.cache, Validator: s.validator})
	}
	return s, nil
}

// admit returns the key and the absolute path of dir, once the checks of Open have passed. It
// creates a missing directory, removes leftovers and writes nothing else.
func admit(ctx context.Context, dir string, keys KeySource, sys directory.System, kinds ...schema.Kind) (crypto.Key, string, error) {
	if err := ctx.Err(); err != nil {
		return crypto.Key{}, "", err
	}
	key, err := keyring.Source(keys).Key(ctx)
	if err != nil {
		return key, "", err
	}
	dir, err = checkDirectory(ctx, dir, key, sys.WithDefaults(), kinds)
	return key, dir, fault.FromOS(err)
}

// checkDirectory returns the absolute path of dir, or the reason not to open it.
func checkDirectory(ctx context.Context, dir string, key crypto.Key, sys directory.System, kinds []schema.Kind) (string, error) {
	dir, err := directory.Prepare(dir, sys)
	if err != nil {
		return "", err
	}
	if err := schema.Check(ctx, dir, key, kinds); err != nil {
		return "", err
	}
	if err := schema.CheckComplete(dir, kinds); err != nil {
		return "", err
	}
	// Leftovers of a restore or of VerifyBackup are in other directories. They do not prevent
	// opening.
	_ = directory.Sweep(filepath.Dir(dir), anyRestore)
	_ = directory.Sweep(os.TempDir(), directory.TempNames(verifyPrefix))
	return dir, directory.Sweep(dir, directory.IsTemporary)
}

// start opens both files and starts the writer.
func (s *Store) start(ctx context.Context, dir string, key crypto.Key, keys KeySource, c options) error {
	f, err := wal.Open(ctx, schema.VaultFile, dir, key, wal.Options{VFS: c.VFS, Keys: keyring.Source(keys), Synchronous: db.SyncFull, Disk: c.Disk, Now: c.Now})
	if err != nil {
		return err
	}
	s.file = f
	if err := s.openTrail(ctx, dir, key, c); err != nil {
		return fault.FromEngine(ctx, errors.Join(err, f.Abandon()))
	}
	s.masters.Store(&masters{s.file.Keys.Master.Load(), s.trail.File.Keys.Master.Load()})
	s.newest.Store(s.end.Seq)
	s.committed = ledger.Link{Seq: s.end.Seq, MAC: s.end.MAC}
	s.walIndex, s.watchers.nudges = !c.NoIndex, make(chan struct{}, 1)
	s.validator = rowcache.NewValidator(s.cache, s.file, s.newest.Load, !c.NoIndex)
	s.setHooks(f.Writer)
	f.Start()
	return nil
}

// openTrail reads the end of the log and opens the trail.
func (s *Store) openTrail(ctx context.Context, dir string, key crypto.Key, c options) error {
	err := fault.Guard(func() (err error) {
		if s.incarnation, err = s.file.Keys.Incarnation(s.file.Anchor); err != nil {
			return err
		}
		if err := s.file.Keys.LoadSealers(s.file.Anchor); err != nil {
			return err
		}
		return s.end.Read(s.file.Anchor)
	})
	if err != nil {
		return err
	}
	// Opening the first reader takes as long as opening the trail; do both at once.
	ready := s.file.Readers.OpenFirst(ctx)
	o := s.file.Options
	o.Synchronous, o.Sync = db.SyncNormal, c.Sync
	limits := c.Trail.limits()
	limits.First = c.FirstPrune
	s.trail, err = access.Open(ctx, dir, key, o, limits)
	<-ready
	if err != nil {
		return errors.Join(err, s.file.Readers.Close())
	}
	renewed, err := s.pairTrail(ctx, c.RenewTrail)
	if err == nil {
		err = fault.Guard(s.checkClaims)
	}
	if err == nil && renewed {
		err = s.trail.RecordOutcome(ctx, "renew-trail", nil)
	}
	if err != nil {
		return errors.Join(err, s.file.Readers.Close(), s.trail.Close())
	}
	return nil
}

// setHooks connects the writer with the state that the store keeps in memory.
func (s *Store) setHooks(w *wal.Writer) {
	w.BeforeBatch = func(c *db.Conn, reread bool) error {
		s.validator.TransactionBegan(c.TotalChanges())
		return s.begin(c, reread)
	}
	w.Save, w.Restore = s.save, s.restore
	w.AfterCommit = func() {
		s.validator.TransactionCommitted(w.Conn.TotalChanges())
		s.commit()
	}
}
