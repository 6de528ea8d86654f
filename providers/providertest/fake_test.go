package providertest_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/providertest"
)

const projects = 20

// fake is a provider in memory with methods that a test can replace to break it. It is Persistent,
// because its memory survives Close, and an Auditor, because it returns MACs.
type fake struct {
	*memory.Provider
	closed atomic.Bool

	get      func(context.Context, myvault.Address, myvault.Version) (myvault.Secret, error)
	apply    func(context.Context, myvault.Commit) ([]myvault.Info, error)
	list     func(context.Context, myvault.ListOptions) iter.Seq2[myvault.Info, error]
	versions func(context.Context, myvault.Address, myvault.Version) iter.Seq2[myvault.Info, error]
	projects func(context.Context, string) iter.Seq2[myvault.Project, error]
	record   func(context.Context, ...myvault.Entry) error
	entries  func(context.Context, myvault.TrailFilter) iter.Seq2[myvault.Entry, error]
	heads    func(context.Context) ([]myvault.Head, error)
	history  func(context.Context, myvault.Address) iter.Seq2[myvault.Secret, error]
	limits   func() (projects, versions int)
	snapshot func(context.Context, func(myvault.Reader) error) error
	ping     func(context.Context) error
	close    func() error
	name     func() string
}

var (
	_ myvault.Auditor = (*fake)(nil)
	_ myvault.Archive = (*fake)(nil)
	_ myvault.Limited = (*fake)(nil)

	_ myvault.Snapshotter = (*fake)(nil)
)

// newFake returns a fake that keeps every promise.
func newFake(m *memory.Provider) *fake {
	f := &fake{Provider: m}
	f.get, f.apply, f.list, f.versions, f.projects = m.Get, m.Apply, m.List, m.Versions, m.Projects
	f.record, f.heads, f.ping, f.name = m.Record, f.newest, m.Ping, m.Incarnation
	f.history, f.limits, f.snapshot = m.History, m.Limits, m.Snapshot
	f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
		return edited(m.Entries(ctx, r), func(all []myvault.Entry) []myvault.Entry {
			for i, e := range all {
				all[i].Prev, all[i].MAC = mac(e.Chain, e.Seq-1), mac(e.Chain, e.Seq)
			}
			return all
		})
	}
	f.close = func() error { f.closed.Store(true); return nil }
	return f
}

// mac returns a fake MAC that depends only on the chain and the sequence number.
func mac(chain string, seq uint64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(chain), seq))
	return sum[:]
}

func (f *fake) newest(ctx context.Context) ([]myvault.Head, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	heads := []myvault.Head{{Chain: myvault.ChainChanges}, {Chain: myvault.ChainAccess}}
	for i := range heads {
		for e, err := range f.Provider.Entries(ctx, myvault.TrailFilter{}) {
			if err != nil {
				return nil, err
			}
			if e.Chain == heads[i].Chain {
				heads[i].Seq, heads[i].At, heads[i].MAC = e.Seq, e.At, mac(e.Chain, e.Seq)
				break
			}
		}
	}
	return heads, nil
}

func (f *fake) usable() error {
	if f.closed.Load() {
		return myvault.ErrClosed
	}
	return nil
}

func (f *fake) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if err := f.usable(); err != nil {
		return myvault.Secret{}, err
	}
	return f.get(ctx, a, v)
}

func (f *fake) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.apply(ctx, c)
}

func (f *fake) Record(ctx context.Context, entries ...myvault.Entry) error {
	if err := f.usable(); err != nil {
		return err
	}
	return f.record(ctx, entries...)
}

func (f *fake) Heads(ctx context.Context) ([]myvault.Head, error) {
	if err := f.usable(); err != nil {
		return nil, err
	}
	return f.heads(ctx)
}

func (f *fake) Ping(ctx context.Context) error {
	if err := f.usable(); err != nil {
		return err
	}
	return f.ping(ctx)
}

func (f *fake) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return guarded(f, f.list(ctx, r))
}

func (f *fake) Versions(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return guarded(f, f.versions(ctx, a, before))
}

func (f *fake) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return guarded(f, f.projects(ctx, from))
}

func (f *fake) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return guarded(f, f.entries(ctx, r))
}

func (f *fake) History(ctx context.Context, a myvault.Address) iter.Seq2[myvault.Secret, error] {
	return guarded(f, f.history(ctx, a))
}

func (f *fake) Snapshot(ctx context.Context, do func(myvault.Reader) error) error {
	if err := f.usable(); err != nil {
		return err
	}
	return f.snapshot(ctx, do)
}

func (f *fake) Limits() (projects, versions int) { return f.limits() }
func (f *fake) Incarnation() string              { return f.name() }
func (f *fake) Close() error                     { return f.close() }

func guarded[T any](f *fake, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := f.usable(); err != nil {
			var zero T
			yield(zero, err)
			return
		}
		seq(yield)
	}
}

// edited returns an iterator over the edited items of seq. It stops at an error.
func edited[T any](seq iter.Seq2[T, error], edit func([]T) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		for item, err := range seq {
			if err != nil {
				yield(item, err)
				return
			}
			all = append(all, item)
		}
		for _, item := range edit(all) {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// each is edited for single items.
func each[T any](seq iter.Seq2[T, error], edit func(*T)) iter.Seq2[T, error] {
	return edited(seq, func(all []T) []T {
		for i := range all {
			edit(&all[i])
		}
		return all
	})
}

// faked returns a store whose provider is broken by corrupt.
func faked(t testing.TB, corrupt func(*fake)) providertest.Store {
	t.Helper()
	m := memory.New(memory.Config{MaxProjects: projects})
	t.Cleanup(func() { _ = m.Close() })
	return providertest.Store{
		MaxProjects: projects,
		Timeout:     50 * time.Millisecond,
		Open: func(context.Context) (myvault.Provider, error) {
			f := newFake(m)
			corrupt(f)
			return f, nil
		},
	}
}

// single is a provider that refuses commits of several changes and implements no other interface.
type single struct{ myvault.Provider }

func (s single) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Changes) > 1 {
		return nil, errUnsupported
	}
	return s.Provider.Apply(ctx, c)
}

// syncMap is a map that is safe for concurrent use.
type syncMap[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (n *syncMap[K, V]) set(key K, value V) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[K]V{}
	}
	n.m[key] = value
}

// get returns the value of key, or the zero value.
func (n *syncMap[K, V]) get(key K) V {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m[key]
}
