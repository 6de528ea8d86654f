// Package rowcache caches rows for reading and ensures that a read never gets a row that is older
// than the last commit of any process. Before each read it compares the state of the database file
// with the state for which the cache is valid, and removes the rows that the log says have changed.
// It does not know how rows are selected or written.
package rowcache

import (
	"context"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// headerWords is the size of a WAL-index header in words of 8 bytes.
const headerWords = 6

// token identifies a state of the file. Each commit, of any process, changes it.
type token [headerWords]uint64

// Validator keeps a Cache from returning rows that are older than the last commit of any process.
//
// A reader reads the token before it looks into the cache. If it is the published token, the rows
// are valid: each was read after that token, or its address has not changed in between. Otherwise
// one reader refreshes the cache while the others wait. It reads the token again, reads from the
// log the addresses that changed since the published position, removes their rows and publishes a
// new view. A row that another reader read meanwhile does not enter: its generation is over.
//
// Some changes add no row to the log. None of them makes a cached row wrong:
//   - Re-encryption keeps the value of a record, and the sealer in the row opens the old record.
//   - Rekeying wraps the keys again but changes none of them.
//   - Pruning removes records of earlier versions and entries of access.db, which are not cached.
type Validator struct {
	cache   *Cache
	index   atomic.Pointer[walIndex] // nil if it cannot be used
	version *dataVersion             // used without an index
	read    ledger.ReadFunc
	file    *wal.File
	newest  func() uint64 // returns the newest change seen by this process

	refreshing chan struct{} // a lock; a channel, so that waiting ends with a context
	published  atomic.Pointer[View]

	// Set by the writer when a transaction begins:
	before     token // the token
	hasBefore  bool  // whether before is valid
	rowsBefore int64 // number of rows that the connection had changed
}

// View is a state of the file for which the rows in the cache are valid.
type View struct {
	token      token
	Generation uint64 // of the cache
	position   uint64 // the last log row whose change is applied
}

// NewValidator returns a validator for c, the cache of file. If c is nil, it returns nil. If index
// is false, the validator uses PRAGMA data_version and never the WAL-index.
func NewValidator(c *Cache, file *wal.File, newest func() uint64, index bool) *Validator {
	if c == nil {
		return nil
	}
	v := &Validator{cache: c, read: file.Readers.Read, file: file, newest: newest, refreshing: make(chan struct{}, 1)}
	if index {
		v.index.Store(openWALIndex(file.Path + "-shm"))
	}
	v.version = &dataVersion{lock: make(chan struct{}, 1), open: func(ctx context.Context) (*db.Conn, error) {
		if err := file.CheckFiles(); err != nil {
			return nil, err
		}
		return file.Readers.Open(ctx)
	}}
	return v
}

// Current returns the view of the current state of the file. If the published view is older, it
// refreshes the cache first. It returns nil if the state is unknown; the cache must not be used
// then. The error is that of ctx or of the database.
func (v *Validator) Current(ctx context.Context) (*View, error) {
	if v == nil {
		return nil, nil
	}
	view := v.published.Load()
	if index := v.index.Load(); index != nil {
		if view != nil && index.matches(&view.token) {
			return view, nil
		}
	} else if t, ok := v.version.read(ctx); !ok || view != nil && view.token == t {
		if !ok {
			view = nil
		}
		return view, nil
	}
	return v.refresh(ctx)
}

func (v *Validator) token(ctx context.Context) (token, bool) {
	if index := v.index.Load(); index != nil {
		return index.read()
	}
	return v.version.read(ctx)
}

func (v *Validator) refresh(ctx context.Context) (*View, error) {
	select {
	case v.refreshing <- struct{}{}:
		defer func() { <-v.refreshing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Read the token before the log, so that the log is at least as new.
	t, ok := v.token(ctx)
	if !ok {
		return nil, nil
	}
	view := v.published.Load()
	if view != nil && view.token == t {
		return view, nil
	}
	next := &View{token: t}
	changed, known, err := v.changes(ctx, view, next)
	if err != nil {
		return nil, err
	}
	// Evict before publishing: a reader with the new view must not find old rows.
	if known {
		next.Generation = v.cache.remove(changed)
	} else {
		next.Generation = v.cache.clear()
	}
	v.published.Store(next)
	return next, nil
}

// changes returns the addresses that changed since view, if they are known, and sets next.position.
// If the log ends before the newest change that this process has seen, the file was replaced by an
// older one.
func (v *Validator) changes(ctx context.Context, view, next *View) (changed []myvault.Address, known bool, err error) {
	newest := v.newest()
	err = v.read(ctx, func(c *db.Conn) (err error) {
		if view != nil {
			changed, next.position, known, err = ledger.ChangedSince(c, view.position)
		}
		if err == nil && !known {
			next.position, err = ledger.LastChange(c)
		}
		if err == nil && next.position < newest {
			err = v.file.RolledBack(newest)
		}
		return err
	})
	return changed, known, err
}

// TransactionBegan must be called when the writer has begun a transaction: no other process can
// commit until it ends. rows is the number of rows that its connection has changed so far.
func (v *Validator) TransactionBegan(rows int64) {
	if v == nil {
		return
	}
	v.hasBefore, v.rowsBefore = false, rows
	if index := v.index.Load(); index != nil {
		v.before, v.hasBefore = index.read()
	}
}

// TransactionCommitted must be called when the writer has committed, before any caller gets its
// result. If the commit has changed rows but not the WAL-index, the index is no longer used. A
// commit without changed rows need not change the index.
func (v *Validator) TransactionCommitted(rows int64) {
	if v == nil || !v.hasBefore || rows == v.rowsBefore {
		return
	}
	if index := v.index.Load(); index != nil && index.matches(&v.before) {
		v.index.Store(nil)
	}
}

// Close closes the connection that reads PRAGMA data_version.
func (v *Validator) Close() error {
	if v == nil {
		return nil
	}
	return v.version.close()
}
