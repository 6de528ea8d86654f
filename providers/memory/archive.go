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

// History implements [myvault.Archive]. It iterates over a snapshot.
func (p *Provider) History(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Secret, error] {
	return p.historyBefore(ctx, addr, 0)
}

// historyBefore yields the versions older than before, or all if it is 0.
func (p *Provider) historyBefore(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Secret, error] {
	return func(yield func(myvault.Secret, error) bool) {
		p.mu.RLock()
		err, h := usable(ctx, p.closed), p.find(addr)
		p.mu.RUnlock()
		if err != nil {
			yield(myvault.Secret{}, err)
			return
		}
		h.before(before, yield)
	}
}

// before yields the versions older than v, or all if it is 0, the newest first.
func (h *history) before(v myvault.Version, yield func(myvault.Secret, error) bool) {
	if h == nil {
		yield(myvault.Secret{}, myvault.ErrNotFound)
		return
	}
	newest := h.head.Version
	if v != 0 {
		newest = min(newest, v-1)
	}
	for n := newest; n > 0; n-- {
		if !yield(*h.at(n), nil) {
			return
		}
	}
}

// Limits implements [myvault.Limited].
func (p *Provider) Limits() (projects, versions int) { return p.maxProjects, 0 }
