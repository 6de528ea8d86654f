package tokens_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// failingDestroys is a provider whose destroy operations fail while fails is set. While waits is
// set, they block until their context is done.
type failingDestroys struct {
	*memory.Provider
	fails, waits atomic.Bool
	cut          atomic.Int64 // how many were canceled
}

func (f *failingDestroys) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if c.Changes[0].Op == myvault.OpDestroy && f.fails.Load() {
		return nil, myvault.ErrUnavailable
	}
	if c.Changes[0].Op == myvault.OpDestroy && f.waits.Load() {
		<-ctx.Done()
		f.cut.Add(1)
		return nil, ctx.Err()
	}
	return f.Provider.Apply(ctx, c)
}

// records counts the live records of tokens.
func records(t *testing.T, v *myvault.Vault) (n int) {
	t.Helper()
	r, err := v.Extend("tokens")
	for range r.ListRecords(t.Context(), "", "") {
		n++
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The sweeper destroys expired tokens at the next interval, reports an error and tries again,
// and stops once it is closed.
func TestSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &failingDestroys{Provider: memory.New(memory.Config{})}
		v, issuer := setup(t, store, tokens.Config{})
		var failures []error // appended by the sweeper's goroutine, read while it is idle
		sweeper, err := issuer.SweepEvery(time.Hour, func(err error) { failures = append(failures, err) })
		is.NoErr(err)
		grant := tokens.Grant{Rules: rules(t, "newsbot/"), Lifetime: time.Minute}
		mint(t, issuer, newsbot(t, v), grant)
		live := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: grant.Rules, Lifetime: 5 * time.Hour})
		after := func(d time.Duration, left int) {
			time.Sleep(d)
			synctest.Wait()
			is.Equal(records(t, v), left)
		}
		after(59*time.Minute, 2) // no sweep at the start
		after(2*time.Minute, 1)
		store.fails.Store(true)
		mint(t, issuer, newsbot(t, v), grant)
		after(2*time.Hour, 2)
		is.Equal(len(failures), 2)
		is.True(errors.Is(failures[0], myvault.ErrUnavailable))
		store.fails.Store(false)
		after(time.Hour, 1)
		is.NoErr(get(t, mustLogin(t, issuer, live.Bearer), db)) // still valid
		mint(t, issuer, newsbot(t, v), grant)
		is.NoErr(sweeper.Close())
		is.NoErr(sweeper.Close())
		after(3*time.Hour, 2)
		is.Equal(len(failures), 2)
	})
}

// A sweep is canceled after an interval, which is an error, and by Close, which is none.
func TestSweepIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &failingDestroys{Provider: memory.New(memory.Config{})}
		store.waits.Store(true)
		v, issuer := setup(t, store, tokens.Config{})
		var failures atomic.Int64
		sweeper, err := issuer.SweepEvery(time.Hour, func(error) { failures.Add(1) })
		is.NoErr(err)
		mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: rules(t, "newsbot/"), Lifetime: time.Minute})
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		is.Equal(store.cut.Load(), int64(1))
		is.Equal(failures.Load(), int64(1))
		time.Sleep(time.Hour)
		synctest.Wait() // the second sweep is running
		is.NoErr(sweeper.Close())
		is.Equal(store.cut.Load(), int64(2))
		is.Equal(failures.Load(), int64(1))
	})
}

func TestSweepEveryRefusesShortIntervals(t *testing.T) {
	is := is.New(t)
	_, issuer := inMemory(t)
	for _, interval := range []time.Duration{-time.Hour, 0, time.Second - 1} {
		_, err := issuer.SweepEvery(interval, nil)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	sweeper, err := issuer.SweepEvery(time.Second, nil)
	is.NoErr(err)
	is.NoErr(sweeper.Close())
}
