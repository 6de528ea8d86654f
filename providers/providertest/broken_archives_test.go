package providertest_test

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/myswiftagent/myvault"
)

// onHistory breaks what History yields.
func onHistory(edit func(all []myvault.Secret) []myvault.Secret) func(*fake) {
	return func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return edited(f.Provider.History(ctx, a), edit)
		}
	}
}

// onEach breaks each version that History yields.
func onEach(edit func(*myvault.Secret)) func(*fake) {
	return onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			edit(&all[i])
		}
		return all
	})
}

// onceIn does something in the first yield of each history.
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

// change makes one in the middle of a reading, with an entry for its trail.
func (f *fake) change(op myvault.Op, of myvault.Secret) {
	_, _ = f.Provider.Apply(context.Background(), myvault.Commit{
		Changes: []myvault.Change{{Op: op, Address: of.Address}}, By: of.By, At: of.At,
		Entries: []myvault.Entry{{At: of.At, First: of.At, Last: of.At, Count: 1, Service: of.By, Action: op.String(), Address: of.Address, Outcome: myvault.OutcomeOK}},
	})
}

var brokenArchives = []broken{
	{"a history is the oldest first", onHistory(func(all []myvault.Secret) []myvault.Secret {
		slices.Reverse(all)
		return all
	}), []string{"archive/values", "archive/infos", "archive/bytes"}},
	{"a history has the newest value everywhere", onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			all[i].Value = all[0].Value
		}
		return all
	}), []string{"archive/values", "archive/deleted", "archive/undeleted"}},
	{"a history forgets when secrets end", onEach(func(s *myvault.Secret) { s.Expires = s.RotateAfter }), []string{"archive/infos"}},
	{"a history forgets who wrote", onEach(func(s *myvault.Secret) { s.By = "" }), []string{"archive/infos"}},
	{"a history ends where it is deleted", onHistory(func(all []myvault.Secret) []myvault.Secret {
		return slices.DeleteFunc(all, func(s myvault.Secret) bool { return s.State == myvault.Deleted })
	}), []string{"archive/deleted", "archive/infos"}},
	{"a deleted version has another's value", onHistory(func(all []myvault.Secret) []myvault.Secret {
		for i := range all {
			if all[i].State == myvault.Deleted {
				all[i].Value = all[len(all)-1].Value
			}
		}
		return all
	}), []string{"archive/deleted"}},
	{"a history leaves out what was destroyed", onHistory(func(all []myvault.Secret) []myvault.Secret {
		return slices.DeleteFunc(all, func(s myvault.Secret) bool { return s.State == myvault.Destroyed })
	}), []string{"archive/destroyed", "archive/infos"}},
	{"a history has a value where one was destroyed", onEach(func(s *myvault.Secret) {
		if s.State == myvault.Destroyed {
			s.Value = myvault.Text("gone")
		}
	}), []string{"archive/destroyed"}},
	{"a history brings the secret back", onceIn(func(f *fake, s myvault.Secret) { f.change(myvault.OpUndelete, s) }), []string{"archive/changes-nothing", "archive/undeleted"}},
	{"a history leaves an entry", onceIn(func(f *fake, s myvault.Secret) {
		_ = f.Provider.Record(context.Background(), myvault.Entry{At: s.At, First: s.At, Last: s.At, Count: 1, Action: "read", Address: s.Address, Outcome: myvault.OutcomeOK})
	}), []string{"archive/no-entry"}},
	{"what was never there has an empty history", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return func(yield func(myvault.Secret, error) bool) {
				if _, err := f.Provider.Get(ctx, a, 1); err == nil {
					f.Provider.History(ctx, a)(yield)
				}
			}
		}
	}, []string{"archive/never"}},
	{"a history says twice that there is nothing", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return twice(f.Provider.History(ctx, a))
		}
	}, []string{"archive/never"}},
	{"a history cuts values at 64 KiB", onEach(func(s *myvault.Secret) {
		s.Value = myvault.Bytes(s.Value.RevealBytes()[:min(64<<10, s.Value.Len())])
	}), []string{"archive/bytes"}},
	{"a history has one page", onHistory(func(all []myvault.Secret) []myvault.Secret { return all[:min(len(all), 100)] }), []string{"archive/long"}},
	{"a history begins its second page where the first ended", onHistory(func(all []myvault.Secret) []myvault.Secret {
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
	}, []string{"archive/body"}},
	{"a history is read when it is asked for", func(f *fake) {
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
	}, []string{"archive/again"}},
	{"a history does not hear that a context was cancelled", func(f *fake) {
		f.history = func(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
			return f.Provider.History(context.WithoutCancel(ctx), a)
		}
	}, []string{"archive/cancelled"}},
	{"a closed store tells histories", func(f *fake) {
		f.close = func() error { return nil }
	}, []string{"archive/closed"}},
	{"the limit of projects is told one too high", onLimits(func(f *fake, l *myvault.Limits) { l.Projects++ }), []string{"limited/projects"}},
	{"no limit of projects is told", onLimits(func(_ *fake, l *myvault.Limits) { l.Projects = 0 }), []string{"limited/projects"}},
	{"fewer versions are kept than are told", func(f *fake) {
		onLimits(func(_ *fake, l *myvault.Limits) { l.Versions = 120 })(f)
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return edited(f.Provider.Versions(ctx, a, before), func(all []myvault.Info) []myvault.Info { return all[:min(len(all), 100)] })
		}
	}, []string{"limited/versions"}},
	{"a limit of versions is not told", func(f *fake) {
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
	{"limits are what is left", onLimits(func(f *fake, l *myvault.Limits) {
		for range f.Provider.Projects(context.Background(), "") {
			l.Projects--
		}
	}), []string{"limited/steady"}},
}

// onLimits breaks what Limits tells.
func onLimits(edit func(*fake, *myvault.Limits)) func(*fake) {
	return func(f *fake) {
		f.limits = func() myvault.Limits {
			l := f.Provider.Limits()
			edit(f, &l)
			return l
		}
	}
}
