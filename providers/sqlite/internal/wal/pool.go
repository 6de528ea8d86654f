package wal

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// pool is a bounded set of connections for reading, which are opened on demand.
type pool struct {
	file   *File
	Open   func(context.Context) (*db.Conn, error)
	Slots  chan struct{} // one for each connection that may still be acquired
	idle   chan *db.Conn // open and not in use
	closed chan struct{}
	once   sync.Once
}

// newPool returns a pool of two to four connections, depending on GOMAXPROCS.
func newPool(file *File, open func(context.Context) (*db.Conn, error)) *pool {
	size := min(4, max(2, runtime.GOMAXPROCS(0)))
	p := &pool{file: file, Open: open, closed: make(chan struct{}),
		Slots: make(chan struct{}, size), idle: make(chan *db.Conn, size)}
	for range size {
		p.Slots <- struct{}{}
	}
	return p
}

// Read checks the schema and runs f on a connection, which is interrupted when ctx ends. Several
// queries of f may see different states of the file. Snapshot prevents that.
func (p *pool) Read(ctx context.Context, f func(*db.Conn) error) error {
	return p.Run(ctx, func(c *db.Conn) error {
		if err := p.file.CheckSchema(c); err != nil {
			return err
		}
		return f(c)
	})
}

// Run is Read without the check of the schema, which takes 2 us. Callers must know that the file
// has not changed since an earlier check, or check it themselves.
func (p *pool) Run(ctx context.Context, f func(*db.Conn) error) error {
	c, err := p.acquire(ctx)
	if err != nil {
		return fault.FromEngine(ctx, err)
	}
	// Check after the wait: the WAL of one database must never be applied to another.
	if c != nil {
		err = p.file.checkFilesOften()
	} else if err = p.file.CheckFiles(); err == nil {
		c, err = p.Open(ctx)
	}
	if err != nil {
		p.release(c)
		return fault.FromEngine(ctx, err)
	}
	outside := c.SetInterrupt(ctx)
	defer func() {
		c.SetInterrupt(outside)
		p.release(c)
	}()
	if err = fault.Guard(func() error { return f(c) }); err == nil {
		return nil
	}
	if fault.HasCode(err, sqlite3.NOMEM, sqlite3.IOERR, sqlite3.CANTOPEN, sqlite3.INTERNAL, sqlite3.MISUSE) {
		c.MarkBroken(err)
	}
	return fault.FromEngine(ctx, err)
}

// OpenFirst opens a connection in the background and then closes done. If it fails, the next read
// tries again.
func (p *pool) OpenFirst(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Read(ctx, func(*db.Conn) error { return nil })
	}()
	return done
}

// Snapshot is Read in a transaction: all queries of f see the same state of the file.
func (p *pool) Snapshot(ctx context.Context, f func(*db.Conn) error) error {
	return p.Run(ctx, func(c *db.Conn) error {
		return c.Snapshot(func() error {
			if err := p.file.CheckSchema(c); err != nil {
				return err
			}
			return f(c)
		})
	})
}

// acquire waits for a slot and returns an idle connection. If there is none, it returns nil and
// the caller opens one.
func (p *pool) acquire(ctx context.Context) (*db.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.closed:
		return nil, myvault.ErrClosed
	default:
	}
	select {
	case <-p.Slots:
	case <-p.closed:
		return nil, myvault.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case c := <-p.idle:
		return c, nil
	default:
		return nil, nil
	}
}

// release returns a slot to the pool, with its connection unless that is nil or broken.
func (p *pool) release(c *db.Conn) {
	switch {
	case c == nil:
	case c.Broken:
		_ = c.Close()
	default:
		p.idle <- c
	}
	p.Slots <- struct{}{}
}

// Close waits for the running readers and closes all connections.
func (p *pool) Close() error {
	var errs error
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.Slots) {
			<-p.Slots
		}
		close(p.idle)
		for c := range p.idle {
			errs = errors.Join(errs, c.Close())
		}
	})
	return errs
}
