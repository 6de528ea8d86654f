// Package fresh has a cache of rows for reading, and finds out whether it is as new as the last commit of any
// process.
package fresh

import (
	"context"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// HeaderWords is the size of a WAL-index header, in words of 8 bytes.
const HeaderWords = 6

// token stands for a state of the file: any commit, of any process, makes another one.
type token [HeaderWords]uint64

// Freshness keeps a cache from giving what is older than the last commit of any process.
//
// A reader takes the token before it looks into the cache. If it is the published one, the rows
// are valid: every row was read after the published token was taken, or its address has no
// change between. Else one reader refreshes and the others wait: it takes the token again,
// asks the log for the addresses that changed since the position reached, removes their
// rows, and publishes. A row that is read meanwhile does not enter: the generation is another one.
//
// Some changes leave no row in the log, and none of them makes a cached row wrong. A record
// that is sealed anew under another data key keeps its value, and the old record opens with
// the sealer beside it. A new wrapping of the keys changes no key that is in use. Pruning takes
// the records of earlier versions and entries of the other file, which are not cached.
type Freshness struct {
	cache    *Cache
	Index    atomic.Pointer[WALIndex] // nil: not to be used
	versions *dataVersion             // where there is no index
	Read     func(context.Context, func(*db.Conn) error) error
	file     *wal.File
	newest   func() uint64 // the newest change that was seen

	refreshing  chan struct{} // one place, for who refreshes
	published   atomic.Pointer[View]
	before      token // of the writer: the header as a transaction begins
	beforeValid bool  // before is one
	rows        int64 // that the writer's connection had changed until then
}

// View is a state of the file for which the rows in the cache are valid.
type View struct {
	token      token
	Generation uint64 // of the cache
	position   uint64 // the changes up to this log row are applied
}

// NewFreshness watches over the cache of an open file; nil where there is none.
func NewFreshness(c *Cache, file *wal.File, newest func() uint64, index bool) *Freshness {
	if c == nil {
		return nil
	}
	fresh := &Freshness{cache: c, Read: file.Readers.Read, file: file, newest: newest, refreshing: make(chan struct{}, 1)}
	if index {
		fresh.Index.Store(OpenWALIndex(file.Path + "-shm"))
	}
	fresh.versions = &dataVersion{turn: make(chan struct{}, 1), open: func(ctx context.Context) (*db.Conn, error) {
		if err := file.CheckFiles(); err != nil {
			return nil, err
		}
		return file.Readers.Open(ctx)
	}}
	return fresh
}

// Current gives the view that holds at this moment, and refreshes the cache where the one
// published does not. Nil where that cannot be told: then the cache is not to be used. The
// error is that of ctx or of the engine.
func (f *Freshness) Current(ctx context.Context) (*View, error) {
	if f == nil {
		return nil, nil
	}
	v := f.published.Load()
	if index := f.Index.Load(); index != nil {
		if v != nil && index.is(&v.token) {
			return v, nil
		}
	} else if t, ok := f.versions.read(ctx); !ok || v != nil && v.token == t {
		if !ok {
			v = nil
		}
		return v, nil
	}
	return f.refresh(ctx)
}

func (f *Freshness) token(ctx context.Context) (token, bool) {
	if index := f.Index.Load(); index != nil {
		return index.Read()
	}
	return f.versions.read(ctx)
}

func (f *Freshness) refresh(ctx context.Context) (*View, error) {
	select {
	case f.refreshing <- struct{}{}:
		defer func() { <-f.refreshing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Before the log is read, so that what is read is at least as new.
	t, ok := f.token(ctx)
	if !ok {
		return nil, nil
	}
	v := f.published.Load()
	if v != nil && v.token == t {
		return v, nil
	}
	next := &View{token: t}
	changed, known, err := f.changes(ctx, v, next)
	if err != nil {
		return nil, err
	}
	// The rows go before the view is there to be used.
	if known {
		next.Generation = f.cache.remove(changed)
	} else {
		next.Generation = f.cache.clear()
	}
	f.published.Store(next)
	return next, nil
}

// changes returns the addresses that changed since the view v, if they are known, and notes the
// last position in next. A log that ends before the newest change that was seen is an older one.
func (f *Freshness) changes(ctx context.Context, v, next *View) (changed []myvault.Address, known bool, err error) {
	newest := f.newest()
	err = f.Read(ctx, func(c *db.Conn) (err error) {
		if v != nil {
			changed, next.position, known, err = ledger.ChangedSince(c, v.position)
		}
		if err == nil && !known {
			next.position, err = ledger.LastChange(c)
		}
		if err == nil && next.position < newest {
			err = f.file.RolledBack(newest)
		}
		return err
	})
	return changed, known, err
}

// TransactionBegan is told that a transaction of the writer has begun: nobody else commits until it ends. rows
// are those that its connection has changed so far.
func (f *Freshness) TransactionBegan(rows int64) {
	if f == nil {
		return
	}
	f.beforeValid, f.rows = false, rows
	if index := f.Index.Load(); index != nil {
		f.before, f.beforeValid = index.Read()
	}
}

// Committed is told that the writer has committed, before anyone is answered. A WAL-index
// in which that does not show is not used any more. A transaction that has changed nothing, as one
// for its lock alone, does not show.
func (f *Freshness) Committed(rows int64) {
	if f == nil || !f.beforeValid || rows == f.rows {
		return
	}
	if index := f.Index.Load(); index != nil && index.is(&f.before) {
		f.Index.Store(nil)
	}
}

// Close ends what freshness has open.
func (f *Freshness) Close() error {
	if f == nil {
		return nil
	}
	return f.versions.close()
}
