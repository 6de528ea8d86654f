// Package sqlite keeps secrets encrypted in a directory of the local disk, in two SQLite
// files: vault.db holds the secrets and the log of changes, access.db the trail of reads,
// denials and failures. docs/format.md describes both.
//
//	store, err := sqlite.Open(ctx, dir, sqlite.KeyFile("/run/keys/vault"), sqlite.Config{})
//	if err != nil { ... }
//	vault, err := myvault.New(store, policy, myvault.Config{})
//
// Values are sealed with AES-256-GCM; names, authors and times are stored readable. Every
// change is one row of a chain of MACs together with its entry in the trail. A change is
// durable when Apply returns: it survives a power cut. Several processes may use one
// directory at once. [OpenTrail] gives the trail alone, for a provider without one.
//
// The files may change until version 1 of the format is declared final.
package sqlite

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fresh"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Config sets what a Store may be told. The zero Config is ready for use.
type Config struct {
	// MaxProjects is how many projects can be registered; one more is
	// myvault.ErrTooLarge. 0 means myvault.MaxProjects.
	MaxProjects int
	// CacheBytes is how much memory the rows take that are kept for reading, sealed as they
	// are in the file. 0 means 12 MiB, enough for some 30,000 secrets of 64 bytes; a negative
	// number keeps none.
	CacheBytes int64
	// Trail sets when access entries are removed in the background.
	Trail TrailConfig
	// HeadsFile, unless it is empty, is a file into which Close and [Store.Backup] write the
	// heads, with [WriteHeads].
	HeadsFile string
	// RenewTrail makes a new, empty access.db where the one that the store had is gone. Without it
	// that is ErrMissing: its entries would be missing without a trace.
	RenewTrail bool
}

// epochLimit is how many rows the log may grow under one data key, and so the most records
// that one key seals: NIST SP 800-38D allows 2^32 with random IVs.
const epochLimit = 1 << 28

// Store is a [myvault.Provider] over a directory. Make one with [Open].
type Store struct {
	file          *wal.File
	trail         *access.Trail
	cache         *fresh.Cache
	fresh         *fresh.Validator
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

// Incarnation gives 16 hexadecimal digits, drawn at random when the store was made.
func (s *Store) Incarnation() string { return s.incarnation }

// Ping reports whether both files answer, and whether the trail can be synced. If the last
// attempt to write to a file failed by the disk, or another program kept it locked for so long
// that callers were refused, it is ErrUnavailable until one succeeds. Ping then tries to write,
// every 5 seconds at most, with 1 MiB beside the file and an empty change.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.file.CheckReadable(ctx); err != nil {
		return err
	}
	return errors.Join(s.file.CheckWritable(ctx), s.trail.Ping(ctx))
}

// Close waits for the calls in progress, makes the trail durable and closes both files. A
// second Close gives nil, later calls ErrClosed.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return errors.Join(s.writeHeadsFile(), s.fresh.Close(), s.file.Close(), s.trail.Close())
}

// observe remembers the newest change known.
func (s *Store) observe(seq uint64) {
	for {
		known := s.newest.Load()
		if seq <= known || s.newest.CompareAndSwap(known, seq) {
			return
		}
	}
}
