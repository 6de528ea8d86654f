package memory

import (
	"context"
	"iter"

	"github.com/tidwall/btree"

	"github.com/myswiftagent/myvault"
)

// Get implements [myvault.Provider]. It does not allocate.
func (p *Provider) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	p.mu.RLock()
	if err := usable(ctx, p.closed); err != nil {
		p.mu.RUnlock()
		return myvault.Secret{}, err
	}
	h := p.find(addr)
	p.mu.RUnlock()
	return h.version(version)
}

// find returns the history of an address, or nil. The caller holds p.mu.
func (p *Provider) find(addr myvault.Address) *history {
	var buffer [128]byte // large enough for most keys
	return p.secrets[string(appendKey(buffer[:0], addr))]
}

// Versions implements [myvault.Provider].
func (p *Provider) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for secret, err := range p.historyBefore(ctx, addr, before) {
			if !yield(secret.Info, err) {
				return
			}
		}
	}
}

// List implements [myvault.Provider]. It iterates over a snapshot, so it does not see later
// changes. If ctx is done, it yields the context's error and stops.
func (p *Provider) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		tree, err := p.snapshot(ctx)
		if err != nil {
			yield(myvault.Info{}, err)
			return
		}
		list(ctx, tree, r, yield)
	}
}

func list(ctx context.Context, tree *btree.Map[string, *history], r myvault.ListOptions, yield func(myvault.Info, error) bool) {
	for _, s := range spansOf(r.Prefix) {
		if !s.walk(ctx, tree, r, yield) {
			return
		}
	}
}

// snapshot returns a copy of the tree. Copying marks the nodes of the original as shared, so it
// needs the write lock.
func (p *Provider) snapshot(ctx context.Context) (*btree.Map[string, *history], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := usable(ctx, p.closed); err != nil {
		return nil, err
	}
	return p.ordered.Copy(), nil
}

// span is the keys from from to before end. An empty end means no end.
type span struct{ from, end string }

// spansOf returns the spans that a prefix selects. The secret prod and the secrets below prod/
// are two spans, because prod-x sorts between them.
func spansOf(p myvault.Prefix) []span {
	key := keyOf(myvault.Address(p))
	switch last := len(key) - 1; {
	case p.Project == "":
		return []span{{}}
	case p.Path == "":
		return []span{{key, p.Project + "\x01"}}
	case key[last] == '/':
		return []span{{key, key[:last] + "0"}} // '0' follows '/'
	default:
		return []span{{key, key + "\x00"}, {key + "/", key + "0"}}
	}
}

// walk yields the secrets that the span and r select. It returns false if the iteration ended.
func (s span) walk(ctx context.Context, tree *btree.Map[string, *history], r myvault.ListOptions, yield func(myvault.Info, error) bool) bool {
	from, after := s.from, ""
	if r.After != (myvault.Address{}) {
		after = keyOf(r.After)
		from = max(from, after)
	}
	more := true
	tree.Ascend(from, func(key string, h *history) bool {
		if s.end != "" && key >= s.end {
			return false
		}
		if key == after || h.live() == r.Deleted {
			return true
		}
		if err := ctx.Err(); err != nil {
			yield(myvault.Info{}, err)
			more = false
			return false
		}
		more = yield(h.head.Info, nil)
		return more
	})
	return more
}
