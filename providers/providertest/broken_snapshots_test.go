package providertest_test

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/myswiftagent/myvault"
)

// patched is a snapshot with replaceable methods.
type patched struct {
	myvault.Reader
	get      func(context.Context, myvault.Address, myvault.Version) (myvault.Secret, error)
	list     func(context.Context, myvault.ListOptions) iter.Seq2[myvault.Info, error]
	versions func(context.Context, myvault.Address, myvault.Version) iter.Seq2[myvault.Info, error]
	projects func(context.Context, string) iter.Seq2[myvault.Project, error]
}

func (r *patched) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	return r.get(ctx, a, v)
}

func (r *patched) List(ctx context.Context, in myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return r.list(ctx, in)
}

func (r *patched) Versions(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return r.versions(ctx, a, before)
}

func (r *patched) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return r.projects(ctx, from)
}

// onSnapshot patches the snapshots of a provider.
func onSnapshot(patch func(*fake, *patched)) func(*fake) {
	return func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			return f.Provider.Snapshot(ctx, func(r myvault.Reader) error {
				p := &patched{Reader: r, get: r.Get, list: r.List, versions: r.Versions, projects: r.Projects}
				patch(f, p)
				return do(p)
			})
		}
	}
}

var brokenSnapshots = []broken{
	{"a snapshot is the provider itself", func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			return unless(ctx.Err(), func() error { return do(f.Provider) })
		}
	}, []string{"snapshot/one-state"}},
	{"a snapshot reads current values", onSnapshot(func(f *fake, p *patched) { p.get = f.Provider.Get }), []string{"snapshot/one-state"}},
	{"a snapshot lists current secrets", onSnapshot(func(f *fake, p *patched) { p.list = f.Provider.List }), []string{"snapshot/one-state"}},
	{"a snapshot yields current versions", onSnapshot(func(f *fake, p *patched) { p.versions = f.Provider.Versions }), []string{"snapshot/one-state"}},
	{"a snapshot yields current projects", onSnapshot(func(f *fake, p *patched) { p.projects = f.Provider.Projects }), []string{"snapshot/one-state"}},
	{"pages of a long listing in a snapshot see different states", onSnapshot(func(f *fake, p *patched) {
		list := p.list
		p.list = func(ctx context.Context, in myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			return func(yield func(myvault.Info, error) bool) {
				n := 0
				for info, err := range list(ctx, in) {
					if n++; n > 256 && err == nil {
						for now := range f.Provider.Versions(ctx, info.Address, 0) {
							info = now
							break
						}
					}
					if !yield(info, err) {
						return
					}
				}
			}
		}
	}), []string{"snapshot/long"}},
	{"a snapshot has no earlier versions", onSnapshot(func(_ *fake, p *patched) {
		get := p.get
		p.get = func(ctx context.Context, a myvault.Address, _ myvault.Version) (myvault.Secret, error) {
			return get(ctx, a, 0)
		}
	}), []string{"snapshot/same"}},
	{"a snapshot is of the state before the last change", func(f *fake) {
		var mu sync.Mutex
		var before *patched
		keep := func() *patched {
			var p *patched
			_ = f.Provider.Snapshot(context.Background(), func(r myvault.Reader) error {
				p = &patched{Reader: r, get: r.Get, list: r.List, versions: r.Versions, projects: r.Projects}
				return nil
			})
			return p
		}
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			mu.Lock()
			defer mu.Unlock()
			before = keep()
			return f.Provider.Apply(ctx, c)
		}
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			mu.Lock()
			r := before
			mu.Unlock()
			return unless(ctx.Err(), func() error { return do(r) })
		}
	}, []string{"snapshot/newest", "snapshot/same"}},
	{"a snapshot holds a lock that a change needs", func(f *fake) {
		var mu sync.Mutex
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			mu.Lock()
			defer mu.Unlock()
			return f.Provider.Apply(ctx, c)
		}
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			mu.Lock()
			defer mu.Unlock()
			return f.Provider.Snapshot(ctx, do)
		}
	}, []string{"snapshot/one-state", "snapshot/long"}},
	{"a snapshot swallows the error of its function", func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			return unless(ctx.Err(), func() error {
				_ = f.Provider.Snapshot(ctx, do)
				return nil
			})
		}
	}, []string{"snapshot/error"}},
	{"a snapshot calls its function twice", func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			if err := f.Provider.Snapshot(ctx, do); err == nil {
				return nil
			}
			return f.Provider.Snapshot(ctx, do)
		}
	}, []string{"snapshot/error"}},
	{"a snapshot ignores cancellation", func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			return f.Provider.Snapshot(context.WithoutCancel(ctx), do)
		}
	}, []string{"snapshot/canceled"}},
	{"a canceled snapshot calls its function", func(f *fake) {
		f.snapshot = func(ctx context.Context, do func(myvault.Reader) error) error {
			return errors.Join(f.Provider.Snapshot(context.WithoutCancel(ctx), do), ctx.Err())
		}
	}, []string{"snapshot/canceled"}},
	{"a closed store returns snapshots", func(f *fake) {
		f.close = func() error { return nil }
	}, []string{"snapshot/closed"}},
}

// unless returns err, or what f returns if it is nil.
func unless(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}
