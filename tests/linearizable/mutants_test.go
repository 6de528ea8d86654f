package linearizable_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tests/linearizable"
)

// mutant is a provider with one defect.
type mutant struct {
	myvault.Provider
	get   func(context.Context, myvault.Address, myvault.Version) (myvault.Secret, error)
	apply func(context.Context, myvault.Commit) ([]myvault.Info, error)
}

func (m mutant) Get(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if m.get == nil {
		return m.Provider.Get(ctx, addr, v)
	}
	return m.get(ctx, addr, v)
}

func (m mutant) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if m.apply == nil {
		return m.Provider.Apply(ctx, c)
	}
	return m.apply(ctx, c)
}

// oneIn returns true once in n times, on average.
func oneIn(n int) bool { return rand.IntN(n) == 0 }

// mutants add a defect to a correct provider.
var mutants = map[string]func(p myvault.Provider) myvault.Provider{
	"a stale read": func(p myvault.Provider) myvault.Provider {
		var old sync.Map
		return mutant{Provider: p, get: func(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
			if cached, found := old.Load(addr); found && v == 0 && oneIn(10) {
				return cached.(myvault.Secret), nil
			}
			secret, err := p.Get(ctx, addr, v)
			if err == nil && v == 0 {
				old.Store(addr, secret)
			}
			return secret, err
		}}
	},
	"a stale not found": func(p myvault.Provider) myvault.Provider {
		var gone sync.Map
		return mutant{Provider: p, get: func(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
			if _, found := gone.Load(addr); found && oneIn(10) {
				return myvault.Secret{}, myvault.ErrNotFound
			}
			secret, err := p.Get(ctx, addr, v)
			if errors.Is(err, myvault.ErrNotFound) && v == 0 {
				gone.Store(addr, true)
			}
			return secret, err
		}}
	},
	"a timeout reported as not found": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, get: func(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := p.Get(ctx, addr, v)
			if errors.Is(err, context.DeadlineExceeded) {
				err = myvault.ErrNotFound
			}
			return secret, err
		}}
	},
	"a lost update: condition checked before the change": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			change := &c.Changes[0]
			secret, err := p.Get(context.Background(), change.Address, 0)
			if err == nil && change.If == myvault.IfVersion(secret.Version) {
				change.If = myvault.IfPresent()
			}
			time.Sleep(50 * time.Microsecond)
			return p.Apply(ctx, c)
		}}
	},
	"acknowledged before it is visible": func(p myvault.Provider) myvault.Provider { return delayed(p) },
	"acknowledged, and one in fifty lost": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if c.Changes[0].Op == myvault.OpPut && c.Changes[0].If == (myvault.Condition{}) && oneIn(50) {
				secret, _ := p.Get(ctx, c.Changes[0].Address, 0)
				return []myvault.Info{{Address: c.Changes[0].Address, Version: secret.Version + 1, State: myvault.Live, By: c.By}}, nil
			}
			return p.Apply(ctx, c)
		}}
	},
	"a change made twice": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := p.Apply(ctx, c)
			if err == nil && oneIn(20) {
				return p.Apply(ctx, c)
			}
			return infos, err
		}}
	},
	"a refused change made": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := p.Apply(ctx, c)
			if errors.Is(err, myvault.ErrConflict) && c.Changes[0].Op == myvault.OpPut {
				c.Changes[0].If = myvault.Condition{}
				_, _ = p.Apply(ctx, c)
			}
			return infos, err
		}}
	},
	"a change made in spite of a timeout": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := p.Apply(context.WithoutCancel(ctx), c)
			if _, leaves := ctx.Deadline(); leaves {
				return nil, context.DeadlineExceeded
			}
			return infos, err
		}}
	},
	"a version with the value of another": func(p myvault.Provider) myvault.Provider {
		return mutant{Provider: p, get: func(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := p.Get(ctx, addr, v)
			time.Sleep(20 * time.Microsecond)
			if again, err := p.Get(ctx, addr, v); err == nil {
				secret.Value = again.Value
			}
			return secret, err
		}}
	},
	"a deleted secret still readable by version": func(p myvault.Provider) myvault.Provider {
		var old sync.Map
		return mutant{Provider: p, get: func(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := p.Get(ctx, addr, v)
			if err == nil {
				old.Store(addr, secret)
			} else if cached, found := old.Load(addr); found && v != 0 && cached.(myvault.Secret).Version == v {
				return cached.(myvault.Secret), nil
			}
			return secret, err
		}}
	},
}

// delayed returns a provider on which a change becomes visible when the next one is made.
func delayed(p myvault.Provider) myvault.Provider {
	visible := memory.New(memory.Config{})
	var order sync.Mutex
	var last myvault.Commit
	return mutant{Provider: p, get: visible.Get, apply: func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
		order.Lock()
		defer order.Unlock()
		infos, err := p.Apply(ctx, c)
		if err == nil {
			_, err = visible.Apply(context.Background(), last)
			last = c
		}
		return infos, err
	}}
}

// TestMutantsAreCaught checks that a few histories of the usual size find every defect.
func TestMutantsAreCaught(t *testing.T) {
	for name, spoil := range mutants {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var all linearizable.Tally
			var err error
			for seed := uint64(1); seed <= 20 && err == nil; seed++ {
				var tally linearizable.Tally
				tally, err = linearizable.Check(linearizable.Plan{Seed: seed, Clients: 8, CallsPerClient: 80, Addresses: 3}, checkTimeout,
					linearizable.Local{Provider: spoil(memory.New(memory.Config{}))})
				all.Add(tally)
			}
			is.True(errors.Is(err, linearizable.ErrNotLinearizable)) // caught
			t.Log(all)
		})
	}
}

// TestModelMatchesTheReference compares the model with providers/memory, one call at a time.
func TestModelMatchesTheReference(t *testing.T) {
	checkHistories(t, histories(40), linearizable.Plan{Clients: 1, CallsPerClient: 300, Addresses: 2}, func(*testing.T) []linearizable.Target {
		return []linearizable.Target{linearizable.Local{Provider: memory.New(memory.Config{})}}
	})
}
