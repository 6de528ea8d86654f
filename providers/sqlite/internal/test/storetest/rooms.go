package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// OneTransaction calls functions that write to a file, each once the one before waits to be
// written, so that their first requests are one transaction.
func OneTransaction(ctx context.Context, w *wal.Writer, functions ...func()) {
	held, release := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = w.Do(ctx, &wal.Request{Apply: func(*db.Conn) error {
			close(held)
			<-release
			return errors.New("only its lock was needed")
		}})
	})
	<-held
	for n, f := range functions {
		wait.Go(f)
		for Waiting(w) <= n {
			runtime.Gosched()
		}
	}
	close(release)
	wait.Wait()
}

// Waiting returns the number of requests that wait to be written.
func Waiting(w *wal.Writer) int {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return len(w.Waiting)
}

// WithoutReaders calls f while no connection of the file is free to read.
func WithoutReaders(file *wal.File, f func()) {
	for range cap(file.Readers.Slots) {
		<-file.Readers.Slots
	}
	f()
	for range cap(file.Readers.Slots) {
		file.Readers.Slots <- struct{}{}
	}
}

// CallOnErr is a context that calls Do after Err was called Left times. SQLite calls Err before
// each of its steps, so Do runs between two steps of a read.
type CallOnErr struct {
	context.Context
	Left int
	Do   func()
}

// Err returns nil.
func (c *CallOnErr) Err() error {
	if c.Left--; c.Left == -1 {
		c.Do()
	}
	return nil
}

// RunByWriter has the writer's own connection run SQL, which no other program can.
func RunByWriter(w *wal.Writer, sql string) error {
	return w.Do(context.Background(), &wal.Request{Apply: func(c *db.Conn) error { return c.Exec(sql) }})
}
