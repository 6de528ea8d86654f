package memory

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
)

var (
	_ myvault.Archive = (*Provider)(nil)
	_ myvault.Limited = (*Provider)(nil)
)

// History implements [myvault.Archive]. It walks a snapshot.
func (p *Provider) History(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Secret, error] {
	return func(yield func(myvault.Secret, error) bool) {
		p.mu.RLock()
		err, h := p.usable(ctx), p.find(addr)
		p.mu.RUnlock()
		if err != nil {
			yield(myvault.Secret{}, err)
			return
		}
		h.all(yield)
	}
}

// all yields every version, the newest first.
func (h *history) all(yield func(myvault.Secret, error) bool) {
	if h == nil {
		yield(myvault.Secret{}, myvault.ErrNotFound)
		return
	}
	if !yield(h.head, nil) {
		return
	}
	for i := len(h.past) - 1; i >= 0; i-- {
		if !yield(h.past[i], nil) {
			return
		}
	}
}

// Limits implements [myvault.Limited].
func (p *Provider) Limits() myvault.Limits { return myvault.Limits{Projects: p.maxProjects} }
