package hashivault

import (
	"context"
	"sync"

	"github.com/myswiftagent/myvault"
)

// locks holds one lock for each name, within this process. Vault has no transactions, so
// reading a state and then changing it is exact only among the callers of one process.
type locks struct {
	mu     sync.Mutex
	byName map[string]*lock
}

type lock struct {
	free  chan struct{} // holds one item while the lock is free
	users int           // callers that hold the lock or wait for it
}

// lock waits for the lock of a name. The caller must call unlock unless there is an error,
// which is the context's.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	if l.byName == nil {
		l.byName = map[string]*lock{}
	}
	one := l.byName[name]
	if one == nil {
		one = &lock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		l.byName[name] = one
	}
	one.users++
	l.mu.Unlock()
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; l.drop(name, one) }, nil
	case <-ctx.Done():
		l.drop(name, one)
		return nil, ctx.Err()
	}
}

// drop removes a lock that has no users left.
func (l *locks) drop(name string, one *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(l.byName, name)
	}
}

// callTracker counts the calls in progress, so that Close can wait for them.
type callTracker struct {
	mu         sync.Mutex
	inProgress sync.WaitGroup
	closed     bool
}

// begin returns an error if a call may not begin. Otherwise end must be called.
func (t *callTracker) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return myvault.ErrClosed
	}
	t.inProgress.Add(1)
	return nil
}

func (t *callTracker) end() { t.inProgress.Done() }

// close refuses further calls and waits for those in progress. It reports whether it was open.
func (t *callTracker) close() bool {
	t.mu.Lock()
	was := !t.closed
	t.closed = true
	t.mu.Unlock()
	t.inProgress.Wait()
	return was
}
