package providertest_test

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/myswiftagent/myvault"
)

// twice yields each error of an iterator twice.
func twice[T any](seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range seq {
			if !yield(item, err) || (err != nil && !yield(item, err)) {
				return
			}
		}
	}
}

// ignoreCancel makes f ignore the cancellation of contexts.
func ignoreCancel(f *fake) {
	uncanceled := context.WithoutCancel
	f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
		return f.Provider.Get(uncanceled(ctx), a, v)
	}
	f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
		return f.Provider.List(uncanceled(ctx), r)
	}
	f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
		return f.Provider.Versions(uncanceled(ctx), a, before)
	}
	f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
		return f.Provider.Projects(uncanceled(ctx), from)
	}
	f.record = func(ctx context.Context, entries ...myvault.Entry) error {
		return f.Provider.Record(uncanceled(ctx), entries...)
	}
	f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
		return f.Provider.Entries(uncanceled(ctx), r)
	}
	f.heads = func(ctx context.Context) ([]myvault.Head, error) { return f.newest(uncanceled(ctx)) }
	f.ping = func(ctx context.Context) error { return f.Provider.Ping(uncanceled(ctx)) }
}

// truncateOnCancel makes f return partial results if the context is canceled during a call.
func truncateOnCancel(f *fake) {
	f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
		if err := ctx.Err(); err != nil {
			return myvault.Secret{}, err
		}
		secret, err := f.Provider.Get(ctx, a, v)
		if errors.Is(err, context.Canceled) {
			err = myvault.ErrNotFound
		}
		return secret, err
	}
	f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
		return cut(ctx, f.Provider.List(ctx, r))
	}
	f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
		return cut(ctx, f.Provider.Versions(ctx, a, before))
	}
	f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
		return cut(ctx, f.Provider.Projects(ctx, from))
	}
	f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
		return cut(ctx, f.Provider.History(ctx, a))
	}
	f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
		return cut(ctx, f.Provider.Entries(ctx, r))
	}
	f.heads = func(ctx context.Context) ([]myvault.Head, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		heads, err := f.newest(ctx)
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return heads, err
	}
}

// cut ends an iterator without an error if its context is canceled during the iteration.
func cut[T any](ctx context.Context, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		begun := ctx.Err() == nil
		for item, err := range seq {
			if begun && err != nil || !yield(item, err) {
				return
			}
		}
	}
}

// holdLock makes the iterators of f hold a lock that changes need.
func holdLock(f *fake) {
	var mu sync.Mutex
	f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
		mu.Lock()
		defer mu.Unlock()
		return f.Provider.Apply(ctx, c)
	}
	f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
		return holding(&mu, f.Provider.List(ctx, r))
	}
	f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
		return holding(&mu, f.Provider.Versions(ctx, a, before))
	}
	f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
		return holding(&mu, f.Provider.Projects(ctx, from))
	}
	f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
		return holding(&mu, f.Provider.Entries(ctx, r))
	}
}

func holding[T any](mu *sync.Mutex, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		mu.Lock()
		defer mu.Unlock()
		seq(yield)
	}
}

var brokenCalls = []broken{
	{"reads ignore cancellation", ignoreCancel, []string{
		"context/get", "context/deadline", "context/list", "context/versions", "context/projects", "context/record", "context/entries", "context/heads", "context/ping",
	}},
	{"a canceled change is applied", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(context.WithoutCancel(ctx), c)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return infos, err
		}
		f.record = func(ctx context.Context, entries ...myvault.Entry) error {
			return errors.Join(f.Provider.Record(context.WithoutCancel(ctx), entries...), ctx.Err())
		}
	}, []string{"context/put", "context/changes", "context/no-entry", "context/deadline", "context/record"}},
	{"a canceled context is reported as ErrUnavailable", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			if ctx.Err() != nil {
				return myvault.Secret{}, myvault.ErrUnavailable
			}
			return f.Provider.Get(ctx, a, v)
		}
	}, []string{"context/get", "context/deadline"}},
	{"a context canceled during a read truncates the result", truncateOnCancel, []string{
		"cancel/get", "cancel/get-earlier", "cancel/versions", "cancel/list", "cancel/projects", "cancel/history", "cancel/entries", "cancel/heads",
	}},
	{"a context canceled during a read finds a missing secret", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return secret, err
		}
	}, []string{"cancel/get-missing"}},
	{"a canceled read is cached as not found", func(f *fake) {
		var gone sync.Map
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			if _, yes := gone.Load(a); yes {
				return myvault.Secret{}, myvault.ErrNotFound
			}
			secret, err := f.Provider.Get(ctx, a, v)
			if errors.Is(err, context.Canceled) {
				gone.Store(a, true)
			}
			return secret, err
		}
	}, []string{"cancel/get"}},
	{"a change canceled during the call is applied", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			infos, err := f.Provider.Apply(context.WithoutCancel(ctx), c)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return infos, err
		}
	}, []string{"cancel/apply"}},
	{"iterators continue after an error", func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			return twice(f.Provider.List(ctx, r))
		}
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return twice(f.Provider.Versions(ctx, a, before))
		}
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return twice(f.Provider.Projects(ctx, from))
		}
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			return twice(f.Provider.Entries(ctx, r))
		}
	}, []string{"context/list", "context/versions", "context/projects", "context/entries", "versions/never-made"}},
	{"iterators hold a lock", holdLock, []string{"iterate/list", "iterate/list-deletes", "iterate/versions", "iterate/projects", "iterate/entries"}},
	{"iterators exclude each other", func(f *fake) {
		var mu sync.Mutex
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			return holding(&mu, f.Provider.List(ctx, r))
		}
	}, []string{"iterate/list-nested"}},
	{"a loop that is left leaves its lock", func(f *fake) {
		var mu sync.Mutex
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			mu.Lock()
			defer mu.Unlock()
			return f.Provider.Apply(ctx, c)
		}
		f.projects = func(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
			return func(yield func(myvault.Project, error) bool) {
				mu.TryLock()
				for project, err := range f.Provider.Projects(ctx, from) {
					if !yield(project, err) {
						return
					}
				}
				mu.Unlock()
			}
		}
	}, []string{"iterate/left-open"}},
	{"an iterator sees the state from its creation", func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			var all []myvault.Info
			for info, err := range f.Provider.List(ctx, r) {
				if err == nil {
					all = append(all, info)
				}
			}
			return edited(f.Provider.List(ctx, r), func([]myvault.Info) []myvault.Info { return all })
		}
	}, []string{"iterate/repeat"}},
	{"a value has the number of the next version", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			if before, e := f.Provider.Get(ctx, a, max(1, secret.Version)-1); err == nil && e == nil && v == 0 && before.Version > 0 {
				secret.Value = before.Value
			}
			return secret, err
		}
	}, []string{"race/consistent-value", "put/replaces"}},
	{"a second close is an error", func(f *fake) {
		f.close = func() error {
			if f.closed.Swap(true) {
				return myvault.ErrClosed
			}
			return nil
		}
	}, []string{"close/twice"}},
	{"use after close works", func(f *fake) { f.close = func() error { return nil } }, []string{
		"close/get", "close/apply", "close/list", "close/versions", "close/projects", "close/ping", "close/record", "close/entries", "close/heads",
	}},
	{"a call during close returns an unknown error", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			return myvault.Secret{}, errors.New("use of closed connection")
		}
	}, []string{"close/concurrent"}},
	{"the incarnation has punctuation", func(f *fake) { f.name = func() string { return "2026-11-23" } }, []string{"incarnation/stable"}},
}

// reopened breaks a provider from the second Open on.
func reopened(corrupt func(*fake)) func(*fake) {
	opened := map[any]bool{}
	var mu sync.Mutex
	return func(f *fake) {
		mu.Lock()
		defer mu.Unlock()
		if opened[f.Provider] {
			corrupt(f)
		}
		opened[f.Provider] = true
	}
}

var brokenStores = []broken{
	{"reopening loses the newest versions", reopened(func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			return f.Provider.Get(ctx, a, max(v, 1))
		}
	}), []string{"reopen/secrets"}},
	{"reopening restarts the version numbers", reopened(brokenVersions[1].corrupt), []string{"reopen/numbers"}},
	{"reopening makes deleting final", reopened(onChange(myvault.OpUndelete, func(*fake, myvault.Commit, applyFunc) ([]myvault.Info, error) {
		return nil, myvault.ErrNotFound
	})), []string{"reopen/undelete"}},
	{"reopening loses the default project", reopened(onProjects(func(_ *fake, all []myvault.Project) []myvault.Project {
		for i := range all {
			all[i].Default = false
		}
		return all
	})), []string{"reopen/projects"}},
	{"reopening restarts the trail", reopened(onEntry(func(e *myvault.Entry) { e.Seq = 1 })), []string{"reopen/trail"}},
	{"reopening forgets the newest change", reopened(onEntry(func(e *myvault.Entry) { e.Seen = 0 })), []string{"reopen/seen"}},
	{"reopening restarts the chains", reopened(onHeads(func(h *myvault.Head) { h.MAC = nil })), []string{"reopen/heads"}},
	{"reopening changes the incarnation", reopened(func(f *fake) { f.name = func() string { return "another" } }), []string{"reopen/incarnation"}},
}
