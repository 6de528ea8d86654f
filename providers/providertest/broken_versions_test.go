package providertest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// applyFunc applies a commit to a provider that is not broken.
type applyFunc = func(myvault.Commit) ([]myvault.Info, error)

// onChange replaces Apply for commits of a single change of one kind. replace can call apply, the
// original.
func onChange(op myvault.Op, replace func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error)) func(*fake) {
	return func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			apply := func(c myvault.Commit) ([]myvault.Info, error) { return f.Provider.Apply(ctx, c) }
			if len(c.Changes) != 1 || c.Changes[0].Op != op {
				return apply(c)
			}
			return replace(f, c, apply)
		}
	}
}

// with returns the commit c with another change.
func with(c myvault.Commit, change myvault.Change) myvault.Commit {
	c.Changes, c.Entries = []myvault.Change{change}, c.Entries[:min(1, len(c.Entries))]
	return c
}

// onInfos edits the infos that Apply returns for a kind of change.
func onInfos(op myvault.Op, edit func(f *fake, c myvault.Commit, info *myvault.Info)) func(*fake) {
	return onChange(op, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if err == nil {
			edit(f, c, &infos[0])
		}
		return infos, err
	})
}

// forgives turns an error of a kind of change into success.
func forgives(op myvault.Op, target error) func(*fake) {
	return onChange(op, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if errors.Is(err, target) {
			return []myvault.Info{{Address: c.Changes[0].Address}}, nil
		}
		return infos, err
	})
}

// unconditional checks a condition first and applies the change later.
func unconditional(f *fake) {
	f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
		if len(c.Changes) != 1 || (c.Changes[0].Op != myvault.OpPut && c.Changes[0].Op != myvault.OpPutProject) {
			return f.Provider.Apply(ctx, c)
		}
		change := c.Changes[0]
		var head myvault.Info
		for info, err := range f.Provider.Versions(ctx, change.Address, 0) {
			if err == nil {
				head = info
			}
			break
		}
		err := change.If.Check(head)
		if change.Op == myvault.OpPutProject {
			err = change.If.CheckProject(registered(ctx, f, change.Project.Name))
		}
		if err != nil {
			return nil, err
		}
		time.Sleep(5 * time.Millisecond)
		change.If = myvault.Condition{}
		return f.Provider.Apply(ctx, with(c, change))
	}
}

func registered(ctx context.Context, f *fake, name string) bool {
	for project := range f.Provider.Projects(ctx, "") {
		if project.Name == name {
			return true
		}
	}
	return false
}

var brokenVersions = []broken{
	{"a version is used twice, after a delete", onInfos(myvault.OpPut, func(f *fake, c myvault.Commit, info *myvault.Info) {
		for before, err := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			if err == nil && before.State != myvault.Live {
				info.Version = before.Version
			}
		}
	}), []string{"put/after-delete", "put/after-destroy", "delete/uses-no-number", "project-delete/histories"}},
	{"versions begin at 0", onInfos(myvault.OpPut, func(_ *fake, _ myvault.Commit, info *myvault.Info) {
		info.Version--
	}), []string{"put/first-version", "put/next-version", "put/own-numbers", "put/answer", "put/after-undelete"}},
	{"a put of the same value creates no version", onChange(myvault.OpPut, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		now, err := f.Provider.Get(context.Background(), c.Changes[0].Address, 0)
		if err == nil && now.Value.Reveal() == c.Changes[0].Value.Reveal() {
			return []myvault.Info{now.Info}, nil
		}
		return apply(c)
	}), []string{"put/same-value"}},
	{"delete uses a number", onChange(myvault.OpDelete, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if err != nil {
			return infos, err
		}
		_, err = apply(with(c, myvault.Change{Op: myvault.OpPut, Address: c.Changes[0].Address, Value: myvault.Text("tombstone")}))
		return infos, errors.Join(err, second(apply(with(c, myvault.Change{Op: myvault.OpDelete, Address: c.Changes[0].Address}))))
	}), []string{"delete/uses-no-number", "delete/marks-one", "delete/mark-stays", "put/after-delete"}},
	{"delete returns its own author and time", onInfos(myvault.OpDelete, func(_ *fake, c myvault.Commit, info *myvault.Info) {
		info.By, info.At = c.By, c.At
	}), []string{"delete/answer"}},
	{"delete destroys", onChange(myvault.OpDelete, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		c.Changes[0].Op = myvault.OpDestroy
		return apply(c)
	}), []string{"undelete/restores", "undelete/older", "delete/marks-one", "list/deleted"}},
	{"delete of a missing secret succeeds", forgives(myvault.OpDelete, myvault.ErrNotFound), []string{"delete/never-made", "delete/twice", "delete/destroyed", "race/delete"}},
	{"delete ignores its condition", onChange(myvault.OpDelete, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		return apply(with(c, myvault.Change{Op: myvault.OpDelete, Address: c.Changes[0].Address}))
	}), []string{"condition/delete-version", "condition/delete-absent"}},
	{"undelete works after a put", forgives(myvault.OpUndelete, myvault.ErrConflict), []string{"undelete/after-put", "undelete/live", "undelete/twice", "race/undelete"}},
	{"undelete of a missing secret succeeds", forgives(myvault.OpUndelete, myvault.ErrNotFound), []string{"undelete/never-made"}},
	{"undelete of a destroyed version succeeds", forgives(myvault.OpUndelete, myvault.ErrDestroyed), []string{"undelete/destroyed", "undelete/deleted-destroyed"}},
	{"undelete creates a new version", onChange(myvault.OpUndelete, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		infos, err := apply(c)
		if err != nil {
			return infos, err
		}
		now, err := f.Provider.Get(context.Background(), c.Changes[0].Address, 0)
		if err != nil {
			return nil, err
		}
		return apply(with(c, myvault.Change{Op: myvault.OpPut, Address: now.Address, Value: now.Value}))
	}), []string{"undelete/answer", "put/after-undelete"}},
	{"destroy leaves the value", leavesValue, []string{"destroy/older", "destroy/several", "destroy/then-put", "destroy/past-mark", "destroy/below-deleted"}},
	{"destroy of a missing secret succeeds", forgives(myvault.OpDestroy, myvault.ErrNotFound), []string{"destroy/never-made", "destroy/version-never-made", "destroy/version-zero"}},
	{"destroy destroys some versions before it fails", onChange(myvault.OpDestroy, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for _, n := range c.Changes[0].Versions {
			if _, err := apply(with(c, myvault.Change{Op: myvault.OpDestroy, Address: c.Changes[0].Address, Versions: []myvault.Version{n}})); err != nil {
				return nil, err
			}
		}
		return apply(c)
	}), []string{"destroy/version-never-made"}},
	{"destroy always destroys all versions", onChange(myvault.OpDestroy, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		return apply(with(c, myvault.Change{Op: myvault.OpDestroy, Address: c.Changes[0].Address}))
	}), []string{"destroy/older", "destroy/others-stay", "list/older-destroyed", "destroy/current"}},
	{"destroy without versions destroys only the current one", onChange(myvault.OpDestroy, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for info, err := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			if err == nil && len(c.Changes[0].Versions) == 0 {
				c.Changes[0].Versions = []myvault.Version{info.Version}
			}
		}
		return apply(c)
	}), []string{"destroy/all"}},
	{"destroy again is an error", onChange(myvault.OpDestroy, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for info := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			if info.State == myvault.Destroyed && slices.Contains(c.Changes[0].Versions, info.Version) {
				return nil, myvault.ErrDestroyed
			}
		}
		return apply(c)
	}), []string{"destroy/repeated"}},
	{"destroy returns the current version", onInfos(myvault.OpDestroy, func(f *fake, c myvault.Commit, info *myvault.Info) {
		for head := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			*info = head
			break
		}
	}), []string{"destroy/answer", "destroy/answer-newest"}},
	{"conditions are checked before the lock", unconditional, []string{"race/if-absent", "race/if-version", "race/project", "race/no-lost-update"}},
	{"IfAbsent requires that no version ever existed", onChange(myvault.OpPut, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for head, err := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			if err == nil && c.Changes[0].If == myvault.IfAbsent() && head.State != myvault.Live {
				return nil, myvault.ErrExists
			}
		}
		return apply(c)
	}), []string{"condition/absent-deleted", "condition/absent-destroyed"}},
	{"IfPresent accepts deleted secrets", onChange(myvault.OpPut, func(f *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		for _, err := range f.Provider.Versions(context.Background(), c.Changes[0].Address, 0) {
			if err == nil && c.Changes[0].If == myvault.IfPresent() {
				c.Changes[0].If = myvault.Condition{}
			}
		}
		return apply(c)
	}), []string{"condition/present-deleted", "condition/present-destroyed"}},
	{"a put ignores its condition", onChange(myvault.OpPut, func(_ *fake, c myvault.Commit, apply applyFunc) ([]myvault.Info, error) {
		c.Changes[0].If = myvault.Condition{}
		return apply(c)
	}), []string{
		"condition/absent-live", "condition/present-never", "condition/version-older", "condition/version-future", "condition/version-never",
		"condition/version-deleted", "condition/version-destroyed", "condition/refused-put", "condition/refused-first",
	}},
	{"concurrent puts are lost", func(f *fake) {
		var mu sync.Mutex
		busy := false
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			mu.Lock()
			lost := busy
			busy = true
			mu.Unlock()
			if lost {
				return []myvault.Info{{Version: 1}}, nil
			}
			time.Sleep(5 * time.Millisecond)
			defer func() { mu.Lock(); busy = false; mu.Unlock() }()
			return f.Provider.Apply(ctx, c)
		}
	}, []string{"race/numbers", "race/first-puts", "race/entries"}},
}

func second[A, B any](_ A, b B) B { return b }

// leavesValue keeps values after Destroy, and returns them.
func leavesValue(f *fake) {
	type versionKey struct {
		addr    myvault.Address
		version myvault.Version
	}
	var kept syncMap[versionKey, myvault.Value]
	f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
		infos, err := f.Provider.Apply(ctx, c)
		for i, info := range infos {
			if c.Changes[i].Op == myvault.OpPut {
				kept.set(versionKey{info.Address, info.Version}, c.Changes[i].Value)
			}
		}
		return infos, err
	}
	f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
		secret, err := f.Provider.Get(ctx, a, v)
		if errors.Is(err, myvault.ErrDestroyed) {
			return myvault.Secret{Info: myvault.Info{Address: a, Version: v}, Value: kept.get(versionKey{a, v})}, nil
		}
		return secret, err
	}
}
