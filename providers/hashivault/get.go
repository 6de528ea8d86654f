package hashivault

import (
	"context"

	"github.com/myswiftagent/myvault"
)

// Get implements [myvault.Provider]: one request for the current version, two for another.
func (s *Store) Get(ctx context.Context, addr myvault.Address, n myvault.Version) (myvault.Secret, error) {
	if err := s.calls.begin(ctx); err != nil {
		return myvault.Secret{}, err
	}
	defer s.calls.end()
	if n > lastVersion {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	key := s.kv.secretKey(addr)
	d, m, err := s.kv.read(ctx, key, n)
	if err != nil {
		return myvault.Secret{}, err
	}
	if m == nil || m.State() == myvault.Deleted || n == newest && m.Destroyed {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	if n != newest {
		// A live version can be read only while the current one can.
		_, current, err := s.kv.stat(ctx, key, newest)
		switch {
		case err != nil:
			return myvault.Secret{}, err
		case current == nil || current.State() == myvault.Deleted:
			return myvault.Secret{}, myvault.ErrNotFound
		case m.Destroyed:
			return myvault.Secret{}, myvault.ErrDestroyed
		case current.Destroyed:
			return myvault.Secret{}, myvault.ErrNotFound
		}
	}
	value, ok := d.Secret()
	if !ok {
		return myvault.Secret{}, foreign()
	}
	if n == newest {
		s.recent.add(key, myvault.Version(m.Version), d)
	}
	return myvault.Secret{Info: m.Info(addr, d), Value: value}, nil
}

// whileOpen makes a call, unless the store is closed.
func whileOpen[T any](ctx context.Context, s *Store, f func() (T, error)) (T, error) {
	if err := s.calls.begin(ctx); err != nil {
		var none T
		return none, err
	}
	defer s.calls.end()
	return f()
}
