package hashivault

import (
	"context"
	"sync"

	"github.com/myswiftagent/myvault"
)

// locks gives one lock per name, within this process. Vault has no transactions: what reads
// a state and then marks it is exact among the callers of one process, and no further.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	free  chan struct{} // holds one item while nobody has the lock
	users int           // who has it or waits for it
}

// lock waits for the lock of that name; unlock must be called unless there is an error,
// which is the context's.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	one := l.held[name]
	if one == nil {
		one = &lock{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		l.held[name] = one
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

// drop forgets a lock that nobody uses any more.
func (l *locks) drop(name string, one *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(l.held, name)
	}
}

// gate lets calls in until it is closed, and closing it waits for those inside.
type gate struct {
	mu     sync.Mutex
	inside sync.WaitGroup
	closed bool
}

// enter gives the reason why a call may not begin; else leave must be called at its end.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return myvault.ErrClosed
	}
	g.inside.Add(1)
	return nil
}

func (g *gate) leave() { g.inside.Done() }

// close reports whether it was open, and waits.
func (g *gate) close() bool {
	g.mu.Lock()
	was := !g.closed
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
	return was
}
