package sqlite

import (
	"context"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// headerWords is the size of a WAL-index header, in words of 8 bytes.
const headerWords = 6

// token stands for a state of the file: any commit, of any process, makes another one.
type token [headerWords]uint64

// freshness keeps a cache from giving what is older than the last commit of any process.
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
type freshness struct {
	cache  *cache
	index  atomic.Pointer[walIndex] // nil: not to be used
	asked  *dataVersion             // where there is no index
	read   func(context.Context, func(*db.Conn) error) error
	file   *wal.File
	newest func() uint64 // the newest change that was seen

	turn      chan struct{} // one place, for who refreshes
	published atomic.Pointer[view]
	before    token // of the writer: the header as a transaction begins
	held      bool  // before is one
	rows      int64 // that the writer's connection had changed until then
}

// view is a state of the file for which the rows in the cache are valid.
type view struct {
	token      token
	generation uint64 // of the cache
	position   uint64 // the changes up to this log row are applied
}

// newFreshness watches over the cache of an open file; nil where there is none.
func newFreshness(c *cache, file *wal.File, newest func() uint64, index bool) *freshness {
	if c == nil {
		return nil
	}
	fresh := &freshness{cache: c, read: file.Readers.Read, file: file, newest: newest, turn: make(chan struct{}, 1)}
	if index {
		fresh.index.Store(openWALIndex(file.Path + "-shm"))
	}
	fresh.asked = &dataVersion{turn: make(chan struct{}, 1), open: func(ctx context.Context) (*db.Conn, error) {
		if err := file.CheckPlace(); err != nil {
			return nil, err
		}
		return file.Readers.Open(ctx)
	}}
	return fresh
}

// now gives the view that holds at this moment, and refreshes the cache where the one
// published does not. Nil where that cannot be told: then the cache is not to be used. The
// error is that of ctx or of the engine.
func (f *freshness) now(ctx context.Context) (*view, error) {
	if f == nil {
		return nil, nil
	}
	v := f.published.Load()
	if index := f.index.Load(); index != nil {
		if v != nil && index.is(&v.token) {
			return v, nil
		}
	} else if t, ok := f.asked.read(ctx); !ok || v != nil && v.token == t {
		if !ok {
			v = nil
		}
		return v, nil
	}
	return f.refresh(ctx)
}

func (f *freshness) token(ctx context.Context) (token, bool) {
	if index := f.index.Load(); index != nil {
		return index.read()
	}
	return f.asked.read(ctx)
}

func (f *freshness) refresh(ctx context.Context) (*view, error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
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
	next := &view{token: t}
	changed, known, err := f.changes(ctx, v, next)
	if err != nil {
		return nil, err
	}
	// The rows go before the view is there to be used.
	if known {
		next.generation = f.cache.remove(changed)
	} else {
		next.generation = f.cache.clear()
	}
	f.published.Store(next)
	return next, nil
}

// changes returns the addresses that changed since the view v, if they are known, and notes the
// last position in next. A log that ends before the newest change that was seen is an older one.
func (f *freshness) changes(ctx context.Context, v, next *view) (changed []myvault.Address, known bool, err error) {
	newest := f.newest()
	err = f.read(ctx, func(c *db.Conn) (err error) {
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

// begun is told that a transaction of the writer has begun: nobody else commits until it ends. rows
// are those that its connection has changed so far.
func (f *freshness) begun(rows int64) {
	if f == nil {
		return
	}
	f.held, f.rows = false, rows
	if index := f.index.Load(); index != nil {
		f.before, f.held = index.read()
	}
}

// committed is told that the writer has committed, before anyone is answered. A WAL-index
// in which that does not show is not used any more. A transaction that has changed nothing, as one
// for its lock alone, does not show.
func (f *freshness) committed(rows int64) {
	if f == nil || !f.held || rows == f.rows {
		return
	}
	if index := f.index.Load(); index != nil && index.is(&f.before) {
		f.index.Store(nil)
	}
}

// close ends what freshness has open.
func (f *freshness) close() error {
	if f == nil {
		return nil
	}
	return f.asked.close()
}
