package tokens_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// damaged is a provider that cannot read some records.
type damaged struct {
	*memory.Provider
	unreadable func(path string) bool
}

func (d *damaged) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if a.Project == ".tokens" && d.unreadable(a.Path) {
		return myvault.Secret{}, myvault.ErrTampered
	}
	return d.Provider.Get(ctx, a, v)
}

// Sweep skips unreadable records. It reports a bounded number of them, does not count them, and
// destroys the others.
func TestSweepSkipsUnreadableRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &damaged{Provider: memory.New(memory.Config{}), unreadable: func(string) bool { return false }}
		v, issuer := setup(t, store, tokens.Config{MaxPerService: 12})
		for range 12 {
			mint(t, issuer, newsbot(t, v), tokens.Grant{Lifetime: time.Minute})
		}
		time.Sleep(time.Hour)
		// Only the last two in the order of the listing can be read.
		store.unreadable = func(path string) bool { return path != "newsbot/8" && path != "newsbot/9" }
		n, err := issuer.Sweep(t.Context())
		is.Equal(n, 2)
		is.True(errors.Is(err, myvault.ErrTampered))
		is.Equal(strings.Count(err.Error(), "\n")+1, 9) // eight records and a line that counts the rest
		is.True(strings.Contains(err.Error(), "newsbot/11") && strings.HasSuffix(err.Error(), "2 more records"))
		store.unreadable = func(path string) bool { return path == "newsbot/0" }
		n, err = issuer.Sweep(t.Context())
		is.Equal(n, 9)
		is.True(errors.Is(err, myvault.ErrTampered))
		is.Equal(strings.Count(err.Error(), "\n"), 0)
		store.unreadable = func(string) bool { return false }
		n, err = issuer.Sweep(t.Context())
		is.NoErr(err)
		is.Equal(n, 1)
	})
}

// Sweep counts only records that it destroyed.
func TestSweepCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &failingDestroys{Provider: memory.New(memory.Config{})}
		v, issuer := setup(t, store, tokens.Config{})
		mint(t, issuer, newsbot(t, v), tokens.Grant{Lifetime: time.Minute})
		time.Sleep(time.Hour)
		store.fails.Store(true)
		n, err := issuer.Sweep(t.Context())
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.Equal(n, 0)
	})
}

// stuck is a provider that blocks when it destroys one record, until the context is done.
type stuck struct {
	*memory.Provider
	path string
	cut  atomic.Int64
}

func (s *stuck) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if c.Changes[0].Op == myvault.OpDestroy && c.Changes[0].Address.Path == s.path {
		<-ctx.Done()
		s.cut.Add(1)
		return nil, ctx.Err()
	}
	return s.Provider.Apply(ctx, c)
}

// A sweep starts after the record at which the previous one was canceled, and wraps around.
func TestSweepContinuesAfterCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &stuck{Provider: memory.New(memory.Config{}), path: "b/0"}
		v, issuer := setup(t, store, tokens.Config{MaxPerService: 1})
		allow := rules(t, "*/")
		three, err := myvault.NewPolicy(
			myvault.Service{Name: "a", Allow: allow}, myvault.Service{Name: "b", Allow: allow}, myvault.Service{Name: "c", Allow: allow})
		is.NoErr(err)
		v.SetPolicy(three)
		for service, lifetime := range map[string]time.Duration{"a": 150 * time.Minute, "b": time.Minute, "c": time.Minute} {
			mint(t, issuer, v.As(service), tokens.Grant{Rules: allow, Lifetime: lifetime})
		}
		sweeper, err := issuer.SweepEvery(time.Hour, nil)
		is.NoErr(err)
		defer sweeper.Close()
		time.Sleep(2*time.Hour + time.Minute)
		synctest.Wait()
		is.Equal(store.cut.Load(), int64(1))
		is.Equal(records(t, v), 3)
		time.Sleep(time.Hour)
		synctest.Wait()
		is.Equal(records(t, v), 1) // the second sweep destroyed c and a before it reached b
		time.Sleep(time.Hour)
		synctest.Wait()
		is.Equal(store.cut.Load(), int64(2))
	})
}
