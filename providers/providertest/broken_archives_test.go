package providertest_test

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/myswiftagent/myvault"
)

// onHistory edits the versions that History yields.
func onHistory(edit func(all []myvault.Secret) []myvault.Secret) func(*fake) {
	return func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return edited(f.Provider.History(ctx, a), edit)
		}
	}
}

// onEach edits each version that History yields.
func onEach(edit func(*myvault.Secret)) func(*fake) {
	return onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			edit(&all[i])
		}
		return all
	})
}

// onceIn calls do before the first version of each history.
func onceIn(do func(f *fake, secret myvault.Secret)) func(*fake) {
	return func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return edited(f.Provider.History(ctx, a), func(all []myvault.Secret) []myvault.Secret {
				do(f, all[0])
				return all
			})
		}
	}
}

// change applies a change to a secret during a read.
func (f *fake) change(op myvault.Op, of myvault.Secret) {
	_, _ = f.Provider.Apply(context.Background(), myvault.Commit{
		Changes: []myvault.Change{{Op: op, Address: of.Address}}, By: of.By, At: of.At,
		Entries: []myvault.Entry{{At: of.At, First: of.At, Last: of.At, Count: 1, Service: of.By, Action: op.String(), Address: of.Address, Outcome: myvault.OutcomeOK}},
	})
}

var brokenArchives = []broken{
	{"a history yields the oldest version first", onHistory(func(all []myvault.Secret) []myvault.Secret {
		slices.Reverse(all)
		return all
	}), []string{"archive/values", "archive/infos", "archive/bytes"}},
	{"a history has the newest value everywhere", onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			all[i].Value = all[0].Value
		}
		return all
	}), []string{"archive/values", "archive/deleted", "archive/undeleted"}},
	{"a history has wrong expiry times", onEach(func(s *myvault.Secret) { s.Expires = s.RotateAfter }), []string{"archive/infos"}},
	{"a history has no authors", onEach(func(s *myvault.Secret) { s.By = "" }), []string{"archive/infos"}},
	{"a history omits deleted versions", onHistory(func(all []myvault.Secret) []myvault.Secret {
		return slices.DeleteFunc(all, func(s myvault.Secret) bool { return s.State == myvault.Deleted })
	}), []string{"archive/deleted", "archive/infos"}},
	{"a deleted version has the value of another", onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			if all[i].State == myvault.Deleted {
				all[i].Value = all[len(all)-1].Value
			}
		}
		return all
	}), []string{"archive/deleted"}},
	{"a history omits destroyed versions", onHistory(func(all []myvault.Secret) []myvault.Secret {
		return slices.DeleteFunc(all, func(s myvault.Secret) bool { return s.State == myvault.Destroyed })
	}), []string{"archive/destroyed", "archive/infos"}},
	{"a destroyed version has a value", onEach(func(s *myvault.Secret) {
		if s.State == myvault.Destroyed {
			s.Value = myvault.Text("gone")
		}
	}), []string{"archive/destroyed"}},
	{"a history brings the secret back", onceIn(func(f *fake, s myvault.Secret) { f.change(myvault.OpUndelete, s) }), []string{"archive/changes-nothing", "archive/undeleted"}},
	{"a history leaves an entry", onceIn(func(f *fake, s myvault.Secret) {
		_ = f.Provider.Record(context.Background(), myvault.Entry{At: s.At, First: s.At, Last: s.At, Count: 1, Action: "read", Address: s.Address, Outcome: myvault.OutcomeOK})
	}), []string{"archive/no-entry"}},
	{"a missing secret has an empty history", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return func(yield func(myvault.Secret, error) bool) {
				if _, err := f.Provider.Get(ctx, a, 1); err == nil {
					f.Provider.History(ctx, a)(yield)
				}
			}
		}
	}, []string{"archive/missing"}},
	{"a history yields ErrNotFound twice", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return twice(f.Provider.History(ctx, a))
		}
	}, []string{"archive/missing"}},
	{"a history truncates values to 64 KiB", onEach(func(s *myvault.Secret) {
		s.Value = myvault.Bytes(s.Value.RevealBytes()[:min(64<<10, s.Value.Len())])
	}), []string{"archive/bytes"}},
	{"a history has one page", onHistory(func(all []myvault.Secret) []myvault.Secret { return all[:min(len(all), 100)] }), []string{"archive/long"}},
	{"a history repeats the last version of a page", onHistory(func(all []myvault.Secret) []myvault.Secret {
		if len(all) > 100 {
			all = slices.Insert(all, 100, all[99])
		}
		return all
	}), []string{"archive/long"}},
	{"a history holds a lock that a change needs", func(f *fake) {
		var mu sync.Mutex
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			mu.Lock()
			defer mu.Unlock()
			return f.Provider.Apply(ctx, c)
		}
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return holding(&mu, f.Provider.History(ctx, a))
		}
	}, []string{"archive/loop-body"}},
	{"a history is read before the loop", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			var all []myvault.Secret
			for secret, err := range f.Provider.History(ctx, a) {
				if err != nil {
					return f.Provider.History(ctx, a)
				}
				all = append(all, secret)
			}
			return func(yield func(myvault.Secret, error) bool) {
				for _, secret := range all {
					if !yield(secret, nil) {
						return
					}
				}
			}
		}
	}, []string{"archive/repeat"}},
	{"a history ignores cancellation", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return f.Provider.History(context.WithoutCancel(ctx), a)
		}
	}, []string{"archive/canceled"}},
	{"a closed store yields histories", func(f *fake) {
		f.close = func() error { return nil }
	}, []string{"archive/closed"}},
	{"the reported limit of projects is one too high", onLimits(func(f *fake, projects, _ *int) { *projects++ }), []string{"limited/projects"}},
	{"no limit of projects is reported", onLimits(func(_ *fake, projects, _ *int) { *projects = 0 }), []string{"limited/projects"}},
	{"fewer versions are kept than reported", func(f *fake) {
		onLimits(func(_ *fake, _, versions *int) { *versions = 120 })(f)
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return edited(f.Provider.Versions(ctx, a, before), func(all []myvault.Info) []myvault.Info { return all[:min(len(all), 100)] })
		}
	}, []string{"limited/versions"}},
	{"a limit of versions is not reported", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			for head := range f.Provider.Versions(ctx, a, 0) {
				if v > 0 && v+100 <= head.Version {
					return myvault.Secret{}, myvault.ErrNotFound
				}
				break
			}
			return f.Provider.Get(ctx, a, v)
		}
	}, []string{"limited/versions"}},
	{"limits are the remaining capacity", onLimits(func(f *fake, projects, _ *int) {
		for range f.Provider.Projects(context.Background(), "") {
			*projects--
		}
	}), []string{"limited/constant"}},
}

// onLimits edits the limits that Limits returns.
func onLimits(edit func(f *fake, projects, versions *int)) func(*fake) {
	return func(f *fake) {
		f.limits = func() (projects, versions int) {
			projects, versions = f.Provider.Limits()
			edit(f, &projects, &versions)
			return projects, versions
		}
	}
}
