package providertest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// onCommit replaces Apply for commits of several changes.
func onCommit(apply func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error)) func(*fake) {
	return func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if len(c.Changes) < 2 {
				return f.Provider.Apply(ctx, c)
			}
			return apply(ctx, f, c)
		}
	}
}

// part returns a commit with one of the changes.
func part(c myvault.Commit, i int) myvault.Commit {
	c.Changes = c.Changes[i : i+1]
	c.Entries = c.Entries[i : i+1]
	return c
}

// oneByOne applies the changes in order until one is refused.
func oneByOne(ctx context.Context, f *fake, c myvault.Commit, order []int) ([]myvault.Info, error) {
	infos := make([]myvault.Info, len(c.Changes))
	for _, i := range order {
		made, err := f.Provider.Apply(ctx, part(c, i))
		if err != nil {
			return nil, err
		}
		infos[i] = made[0]
	}
	return infos, nil
}

func upTo(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

var brokenCommits = []broken{
	{"a commit is applied in parts", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		return oneByOne(ctx, f, c, upTo(len(c.Changes)))
	}), []string{
		"commit/atomic-last", "commit/atomic-destroy", "commit/atomic-register", "commit/no-number", "commit/after-refusal",
		"commit/sees-refusal", "commit/fills-project", "commit/register-limit", "trail/refused-commit",
	}},
	{"a refused commit does not name the change", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		if refused, ok := errors.AsType[*myvault.ChangeError](err); ok {
			err = refused.Err
		}
		return infos, err
	}), []string{"commit/refused"}},
	{"a refused commit always names its last change", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		if refused, ok := errors.AsType[*myvault.ChangeError](err); ok {
			refused.Index = len(c.Changes) - 1
		}
		return infos, err
	}), []string{"commit/refused"}},
	{"a commit is visible before it is complete", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		first, err := f.Provider.Apply(ctx, part(c, 0))
		if err != nil {
			return nil, err
		}
		time.Sleep(3 * time.Millisecond)
		c.Changes, c.Entries = c.Changes[1:], c.Entries[1:]
		rest, err := f.Provider.Apply(ctx, c)
		return append(first, rest...), err
	}), []string{"race/atomic-commit", "commit/atomic-last"}},
	{"a commit is applied in reverse", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		order := upTo(len(c.Changes))
		slices.Reverse(order)
		return oneByOne(ctx, f, c, order)
	}), []string{"commit/in-order", "commit/empties-project", "commit/atomic-first", "trail/commit", "commit/all"}},
	{"the changes of a commit do not see each other", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		for _, change := range c.Changes {
			if change.Op != myvault.OpPut {
				continue
			}
			head := myvault.Info{}
			if s, err := f.Provider.Get(ctx, change.Address, 0); err == nil {
				head = s.Info
			}
			if err := change.If.Check(head); err != nil {
				return nil, err
			}
		}
		return f.Provider.Apply(ctx, c)
	}), []string{"commit/in-order"}},
	{"an empty commit is an error", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if len(c.Changes) == 0 {
				return nil, myvault.ErrInvalid
			}
			return f.Provider.Apply(ctx, c)
		}
	}, []string{"commit/empty"}},
	{"only the first change is applied", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, part(c, 0))
		return append(infos, make([]myvault.Info, len(c.Changes)-1)...), err
	}), []string{"commit/all", "commit/large", "commit/describes-new", "trail/commit"}},
	{"a commit returns only its last info", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		return infos[max(0, len(infos)-1):], err
	}), []string{"commit/answers", "commit/large", "commit/in-order"}},
	{"a commit returns infos sorted by address", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		slices.SortFunc(infos, func(a, b myvault.Info) int { return a.Address.Compare(b.Address) })
		return infos, err
	}), []string{"commit/answers"}},
	{"each change of a commit has its own time", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		infos := make([]myvault.Info, 0, len(c.Changes))
		for i := range c.Changes {
			one := part(c, i)
			one.At = one.At.Add(time.Duration(i) * time.Microsecond)
			made, err := f.Provider.Apply(ctx, one)
			if err != nil {
				return nil, err
			}
			infos = append(infos, made...)
		}
		return infos, nil
	}), []string{"commit/same-time"}},
	{"a commit has at most a hundred changes", onCommit(func(ctx context.Context, f *fake, c myvault.Commit) ([]myvault.Info, error) {
		if len(c.Changes) > 100 {
			return nil, myvault.ErrTooLarge
		}
		return f.Provider.Apply(ctx, c)
	}), []string{"commit/large"}},
	{"a value is read from the caller's changes", func(f *fake) {
		var kept syncMap[myvault.Address, *myvault.Change]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			for i, change := range c.Changes {
				if err == nil && change.Op == myvault.OpPut {
					kept.set(change.Address, &c.Changes[i])
				}
			}
			return infos, err
		}
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			if change := kept.get(a); err == nil && v == 0 && change != nil {
				secret.Value = change.Value
			}
			return secret, err
		}
	}, []string{"copy/changes"}},
	{"the store keeps the returned infos", func(f *fake) {
		var kept syncMap[myvault.Address, *myvault.Info]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			for i := range infos {
				kept.set(infos[i].Address, &infos[i])
			}
			return infos, err
		}
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			if info := kept.get(a); err == nil && v == 0 && info != nil {
				secret.Info = *info
			}
			return secret, err
		}
	}, []string{"copy/infos"}},
	{"the store keeps the caller's entries", func(f *fake) {
		var kept syncMap[string, []myvault.Entry]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			kept.set("", c.Entries)
			return f.Provider.Apply(ctx, c)
		}
		f.record = func(ctx context.Context, entries ...myvault.Entry) error {
			kept.set("", entries)
			return f.Provider.Record(ctx, entries...)
		}
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			return each(f.Provider.Entries(ctx, r), func(e *myvault.Entry) {
				if last := kept.get(""); len(last) > 0 {
					e.Action, e.Address = last[0].Action, last[0].Address
				}
			})
		}
	}, []string{"copy/commit-entries", "copy/recorded-entries"}},
	{"times are truncated to seconds", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			for _, t := range []*time.Time{&secret.At, &secret.Expires, &secret.RotateAfter} {
				*t = t.Truncate(time.Second)
			}
			return secret, err
		}
	}, []string{"time/put", "time/expires-rotate", "time/each-version", "time/expired", "time/far"}},
	{"times are local", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			secret.At = secret.At.In(time.FixedZone("JST", 9*3600))
			return secret, err
		}
	}, []string{"time/put"}},
	{"the Unix epoch is no time", onGet(func(_ *fake, _ myvault.Version, s *myvault.Secret, _ *error) {
		if s.Expires.Equal(time.Unix(0, 0)) {
			s.Expires = time.Time{}
		}
	}), []string{"time/epoch"}},
	{"expired secrets are not found", onGet(func(_ *fake, _ myvault.Version, s *myvault.Secret, err *error) {
		if !s.Expires.IsZero() && s.Expires.Before(s.At) {
			*err = myvault.ErrNotFound
		}
	}), []string{"time/expired"}},
	{"delete forgets the times", onVersions(func(all []myvault.Info) []myvault.Info {
		if all[0].State != myvault.Live {
			all[0].Expires = time.Time{}
		}
		return all
	}), []string{"time/kept"}},
}
