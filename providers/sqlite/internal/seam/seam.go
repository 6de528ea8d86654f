// Package seam passes the parts of a store that tests replace to the functions of package sqlite.
// They are in the context of the call, so that no name of package sqlite is exported for tests.
// Only tests call With.
package seam

import (
	"context"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Parts are what tests replace. A zero field means the real one.
type Parts struct {
	VFS        string                    // the file system of SQLite
	Disk       directory.Disk            // files that are used without SQLite
	Network    directory.NetworkDetector // of network file systems
	Sync       func(path string) error   // of the trail
	EpochLimit uint64                    // log rows until a new epoch starts
	NoIndex    bool                      // the cache asks PRAGMA data_version, not the WAL-index
	FirstPrune time.Duration             // until entries are first pruned in the background
	TempDir    string                    // where VerifyBackup unpacks a backup
	Now        func() time.Time          // limits how often files are checked
	Opened     func(Rooms)               // called with the rooms of a store that was opened
}

// Rooms are the parts of an open store. Cache and Validator are nil if it has no cache.
type Rooms struct {
	Vault     *wal.File
	Trail     *access.Trail
	Cache     *rowcache.Cache
	Validator *rowcache.Validator
}

type key struct{}

// With returns a context with which package sqlite uses p.
func With(ctx context.Context, p Parts) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns the parts in ctx. Without any it returns the zero Parts.
func From(ctx context.Context) Parts {
	p, _ := ctx.Value(key{}).(Parts)
	return p
}
