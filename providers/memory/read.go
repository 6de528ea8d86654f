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
	if err := p.usable(ctx); err != nil {
		p.mu.RUnlock()
		return myvault.Secret{}, err
	}
	h := p.find(addr)
	p.mu.RUnlock()
	return h.version(version)
}

// find gives what there is of an address, or nil; p.mu is held.
func (p *Provider) find(addr myvault.Address) *history {
	var room [128]byte // most keys fit
	return p.secrets[string(appendKey(room[:0], addr))]
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

// List implements [myvault.Provider]. It walks a snapshot: what changes meanwhile does
// not show. A context that ends meanwhile ends it with the context's error.
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

// snapshot gives the tree as it is now; nobody changes the copy. Copying marks the
// nodes of the original as shared, so it needs the lock of a writer.
func (p *Provider) snapshot(ctx context.Context) (*btree.Map[string, *history], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(ctx); err != nil {
		return nil, err
	}
	return p.ordered.Copy(), nil
}

// span is a run of keys, from one to before another; an empty end is no end.
type span struct{ from, end string }

// spansOf gives the runs that a prefix selects. The secret prod and what is below prod/
// are apart: prod-x sorts between them.
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

// walk yields what the span and the range select; it reports whether to go on.
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
