package due_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/providers/memory"
)

// If a process dies between the call and its mark, another one repeats the notice after the
// lease.
func TestCallIsRepeatedAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := memory.New(memory.Config{})
		first := vaultOn(t, store, nil)
		put(t, first, db, -time.Second, 0)
		dead := &failingApply{Provider: store}
		dying := vaultOn(t, dead, nil)
		var l, other notices
		w, err := due.Start(dying, dying.As("root"), due.Config{Lease: 10 * time.Minute, Notify: func(ctx context.Context, n due.Notice) error {
			dead.set(true)
			return l.notify(ctx, n)
		}})
		is.NoErr(err)
		synctest.Wait()
		is.Equal(len(l.all), 1)
		second := start(t, first, "root", &other)
		time.Sleep(9 * time.Minute)
		is.Equal(len(other.lines()), 0) // the call may still be running
		time.Sleep(2 * time.Minute)
		is.Equal(other.lines(), []string{"rotation-due newsbot/prod/db 1"})
		is.Equal(other.all[0].ID, l.all[0].ID)
		is.Equal(other.all[0].Attempt, 2)
		is.NoErr(second.Close())
		is.Equal(len(events(t, first)), 1)
		is.NoErr(w.Close())
		is.NoErr(first.Close())
		is.NoErr(dying.Close())
	})
}

// failingApply is a provider whose Apply fails while dead is set.
type failingApply struct {
	*memory.Provider
	mu   sync.Mutex
	dead bool
}

func (m *failingApply) set(dead bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = dead
}

func (m *failingApply) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return nil, myvault.ErrUnavailable
	}
	return m.Provider.Apply(ctx, c)
}

// Close cancels a running call, and the next watcher repeats it at once.
func TestCloseDuringACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		put(t, v, db, -time.Second, 0)
		w, err := due.Start(v, v.As("root"), due.Config{Lease: time.Hour, Notify: func(ctx context.Context, _ due.Notice) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		is.NoErr(err)
		synctest.Wait()
		is.NoErr(w.Close())
		var l notices
		begin := time.Now()
		w = start(t, v, "root", &l)
		time.Sleep(5 * time.Second)
		is.NoErr(w.Close())
		is.Equal(len(l.all), 1)
		is.True(l.at[0].Sub(begin) < 2*time.Second) // it did not wait for the lease
		is.Equal(len(events(t, v)), 1)
	})
}

// The context of a call is canceled when its lease ends, before another process may call.
func TestLeaseEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		put(t, v, db, -time.Second, 0)
		calls := 0
		w, err := due.Start(v, v.As("root"), due.Config{Notify: func(ctx context.Context, _ due.Notice) error {
			if calls++; calls == 1 {
				<-ctx.Done()
			}
			return ctx.Err()
		}})
		is.NoErr(err)
		time.Sleep(time.Hour)
		is.NoErr(w.Close())
		is.Equal(calls, 2)
	})
}
