// Package sqlite keeps secrets encrypted in a directory of the local disk, in two SQLite
// files: vault.db holds the secrets and the log of changes, access.db the trail of reads,
// denials and failures. docs/format.md describes both.
//
//	store, err := sqlite.Open(ctx, dir, sqlite.KeyFile("/run/keys/vault"), sqlite.Config{})
//	if err != nil { ... }
//	vault, err := myvault.New(store, policy, myvault.Config{})
//
// Values are sealed with AES-256-GCM. Names, authors and times are stored in clear. Every
// change and its trail entry are one row in a chain of MACs. A change is durable when Apply
// returns: it survives a power cut. Several processes may use one directory at once.
// [OpenTrail] returns the trail alone, for a provider that has none.
//
// The files may change until version 1 of the format is declared final.
package sqlite

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Config configures a Store. The zero Config is ready for use.
type Config struct {
	// MaxProjects limits the registered projects. Beyond it Apply returns
	// myvault.ErrTooLarge. 0 means myvault.MaxProjects.
	MaxProjects int
	// CacheBytes is the size of the read cache. It holds rows as they are in the file, sealed.
	// 0 means 12 MiB, enough for about 30,000 secrets of 64 bytes. A negative number disables
	// the cache.
	CacheBytes int64
	// Trail sets when access entries are pruned in the background.
	Trail TrailConfig
	// If HeadsFile is set, Close and [Store.Backup] write the heads to that file with
	// [WriteHeads].
	HeadsFile string
	// RenewTrail creates a new, empty access.db if the store's own is gone. Without it Open
	// returns ErrMissing, because the lost entries would otherwise go unnoticed.
	RenewTrail bool
}

// epochLimit is how many rows the log may grow under one data key, and so the most records
// that one key seals: NIST SP 800-38D allows 2^32 with random IVs.
const epochLimit = 1 << 28

// Store is a [myvault.Provider] over a directory. Open one with [Open].
type Store struct {
	file          *wal.File
	trail         *access.Trail
	cache         *rowcache.Cache
	validator     *rowcache.Validator
	pairedSince   uint64                  // changes up to it know entries of an access.db that is gone
	masters       atomic.Pointer[masters] // those that opened it, or that Rekey has set
	incarnation   string
	maxProjects   int
	headsFile     string
	epochLimit    uint64
	end, savedEnd ledger.ChainEnd // owned by the writer, with the next four
	committed     ledger.Link     // the last row known to be committed
	registered    map[string]bool // projects known to be registered, as of the last commit
	known         knownHeads
	logRow        ledger.LogRow // of the change that is being applied
	newest        atomic.Uint64 // the newest change that this process has seen
	hits          counter       // reads that the cache answered
	misses        atomic.Uint64 // reads that it did not
	closed        atomic.Bool
}

var (
	_ myvault.Provider    = (*Store)(nil)
	_ myvault.Auditor     = (*Store)(nil)
	_ myvault.Incarnation = (*Store)(nil)
)

// Incarnation returns 16 hexadecimal digits, drawn at random when the store was created.
func (s *Store) Incarnation() string { return s.incarnation }

// Ping reports whether both files can be read and written, and whether the trail can be synced.
// It returns ErrUnavailable if the last write failed because of the disk, or because another
// program held a lock for too long. To notice a recovery it then writes 1 MiB beside the file and
// an empty change, at most every 5 seconds. After a failed fsync it returns ErrUnavailable until
// the store is opened again.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.CheckReadable(ctx); err != nil {
		return err
	}
	return errors.Join(s.file.CheckWritable(ctx), s.trail.Ping(ctx))
}

// Close waits for the calls in progress, syncs the trail and closes both files. A second Close
// returns nil. Later calls return ErrClosed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return errors.Join(s.writeHeadsFile(), s.validator.Close(), s.file.Close(), s.trail.Close())
}

// observe raises the newest known change to seq.
func (s *Store) observe(seq uint64) {
	for {
		known := s.newest.Load()
		if seq <= known || s.newest.CompareAndSwap(known, seq) {
			return
		}
	}
}
