package hashivault

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
)

var _ myvault.Archive = (*Store)(nil)

// History implements [myvault.Archive]: one request for the states of all versions, and one for each
// that can be read, several at once. Of a deleted secret it gives the earlier versions; Vault gives the
// value of a version that is deleted itself only once it is undeleted.
func (s *Store) History(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Secret, error] {
	return func(yield func(myvault.Secret, error) bool) {
		h, err := guarded(ctx, s, func() (history, error) { return s.kv.history(ctx, s.kv.secretKey(addr)) })
		if err == nil && h.Data.Current == 0 {
			err = myvault.ErrNotFound
		}
		if err != nil {
			yield(myvault.Secret{}, err)
			return
		}
		for secret, err := range ordered(ctx, h.count(), func(ctx context.Context, i int) (myvault.Secret, error) {
			return guarded(ctx, s, func() (myvault.Secret, error) { return s.archived(ctx, addr, h.of(h.number(i))) })
		}) {
			if !yield(secret, err) || err != nil {
				return
			}
		}
	}
}

// archived gives a version whose state is, with its value where Vault gives one.
func (s *Store) archived(ctx context.Context, addr myvault.Address, m metadata) (myvault.Secret, error) {
	if m.state() != myvault.Live {
		return myvault.Secret{Info: m.info(addr, nil)}, nil
	}
	r, now, err := s.kv.data(ctx, s.kv.secretKey(addr), myvault.Version(m.Version))
	if err != nil {
		return myvault.Secret{}, err
	}
	if now == nil {
		return myvault.Secret{Info: m.info(addr, nil)}, nil // forgotten by Vault in between
	}
	if now.state() != myvault.Live {
		return myvault.Secret{Info: now.info(addr, nil)}, nil
	}
	value, ok := r.value()
	if !ok {
		return myvault.Secret{}, foreign()
	}
	return myvault.Secret{Info: now.info(addr, r), Value: value}, nil
}
