package hashivault

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
)

// lastVersion is beyond any number that Vault gives, and within what it can read.
const lastVersion = 1 << 31

// maxHistory is the most versions of one secret that can be listed. It bounds the work that an
// answer can cause by naming a number.
const maxHistory = 10_000_000

// Get implements [myvault.Provider]: one request for the current version, two for another.
func (s *Store) Get(ctx context.Context, addr myvault.Address, n myvault.Version) (myvault.Secret, error) {
	if err := s.gate.enter(ctx); err != nil {
		return myvault.Secret{}, err
	}
	defer s.gate.leave()
	if n > lastVersion {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	key := s.kv.secretKey(addr)
	r, m, err := s.kv.data(ctx, key, n)
	if err != nil {
		return myvault.Secret{}, err
	}
	if m == nil || m.state() == myvault.Deleted || n == newest && m.Destroyed {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	if n != newest {
		// A live version can be read only while the current one can.
		_, head, err := s.kv.look(ctx, key, newest)
		switch {
		case err != nil:
			return myvault.Secret{}, err
		case head == nil || head.state() == myvault.Deleted:
			return myvault.Secret{}, myvault.ErrNotFound
		case m.Destroyed:
			return myvault.Secret{}, myvault.ErrDestroyed
		case head.Destroyed:
			return myvault.Secret{}, myvault.ErrNotFound
		}
	}
	value, ok := r.value()
	if !ok {
		return myvault.Secret{}, foreign()
	}
	if n == newest {
		s.hints.remember(key, myvault.Version(m.Version), r)
	}
	return myvault.Secret{Info: m.info(addr, r), Value: value}, nil
}

// Versions implements [myvault.Provider]: one request for the states of all versions, and one
// for each that can be read, several at once, because Vault tells who wrote a version
// only with that version. No value is moved.
func (s *Store) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		h, err := guarded(ctx, s, func() (history, error) { return s.kv.history(ctx, s.kv.secretKey(addr)) })
		if err == nil && h.Data.Current == 0 {
			err = myvault.ErrNotFound
		}
		if err != nil {
			yield(myvault.Info{}, err)
			return
		}
		newer := 0 // the versions from before on, which are left out
		if before != 0 && uint64(before) <= h.Data.Current {
			newer = int(h.Data.Current-uint64(before)) + 1
		}
		for info, err := range ordered(ctx, h.count()-newer, func(ctx context.Context, i int) (myvault.Info, error) {
			return guarded(ctx, s, func() (myvault.Info, error) { return s.versionInfo(ctx, addr, h.of(h.number(newer+i))) })
		}) {
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// versionInfo gives what is known of a version whose state is.
func (s *Store) versionInfo(ctx context.Context, addr myvault.Address, m metadata) (myvault.Info, error) {
	if m.state() != myvault.Live {
		return m.info(addr, nil), nil
	}
	r, now, err := s.kv.look(ctx, s.kv.secretKey(addr), myvault.Version(m.Version))
	if err != nil {
		return myvault.Info{}, err
	}
	if now == nil {
		return m.info(addr, nil), nil // forgotten by Vault in between
	}
	return now.info(addr, r), nil
}

// guarded makes a call while the store is open.
func guarded[T any](ctx context.Context, s *Store, f func() (T, error)) (T, error) {
	if err := s.gate.enter(ctx); err != nil {
		var none T
		return none, err
	}
	defer s.gate.leave()
	return f()
}
