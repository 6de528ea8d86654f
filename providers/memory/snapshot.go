package memory

import (
	"context"
	"iter"

	"github.com/tidwall/btree"

	"github.com/myswiftagent/myvault"
)

// Snapshot implements [myvault.Snapshotter]. It does not hold a lock while f runs.
func (p *Provider) Snapshot(ctx context.Context, f func(myvault.Reader) error) error {
	p.mu.Lock()
	err := usable(ctx, p.closed)
	var s snapshot
	if err == nil {
		s = snapshot{p.ordered.Copy(), p.projects.clone()}
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return f(s)
}

// snapshot is the contents of a provider at one time.
type snapshot struct {
	secrets  *btree.Map[string, *history]
	projects register
}

func (s snapshot) find(addr myvault.Address) *history {
	h, _ := s.secrets.Get(keyOf(addr))
	return h
}

// Get implements [myvault.Reader].
func (s snapshot) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if err := ctx.Err(); err != nil {
		return myvault.Secret{}, err
	}
	return s.find(addr).version(version)
}

// List implements [myvault.Reader].
func (s snapshot) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(myvault.Info{}, err)
			return
		}
		list(ctx, s.secrets, r, yield)
	}
}

// Versions implements [myvault.Reader].
func (s snapshot) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(myvault.Info{}, err)
			return
		}
		s.find(addr).before(before, func(secret myvault.Secret, err error) bool { return yield(secret.Info, err) })
	}
}

// Projects implements [myvault.Reader].
func (s snapshot) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(myvault.Project{}, err)
			return
		}
		s.projects.from(from, yield)
	}
}
