package hashivault

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/parallel"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

var _ myvault.Archive = (*Store)(nil)

// Versions implements [myvault.Provider]: one request for the states of all versions, and one
// for each that can be read, several at a time, because Vault returns the author of a version
// only with that version. No value is moved.
func (s *Store) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return eachVersion(ctx, s, addr, before, s.versionInfo)
}

// History implements [myvault.Archive]: one request for the states of all versions, and one for
// each that can be read, several at a time. For a deleted secret it yields the earlier versions
// with their values. Vault returns the value of a deleted version only after it is undeleted.
func (s *Store) History(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Secret, error] {
	return eachVersion(ctx, s, addr, 0, s.versionValue)
}

// eachVersion yields what read returns for each version below before, the newest first. 0 is all.
func eachVersion[T any](ctx context.Context, s *Store, addr myvault.Address, before myvault.Version,
	read func(context.Context, myvault.Address, record.Metadata) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		h, err := whileOpen(ctx, s, func() (history, error) { return s.kv.history(ctx, s.kv.secretKey(addr)) })
		if err == nil && h.Data.Current == 0 {
			err = myvault.ErrNotFound
		}
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		skipped := 0
		if before != 0 && uint64(before) <= h.Data.Current {
			skipped = int(h.Data.Current-uint64(before)) + 1
		}
		for v, err := range parallel.Map(ctx, h.count()-skipped, func(ctx context.Context, i int) (T, error) {
			return whileOpen(ctx, s, func() (T, error) { return read(ctx, addr, h.of(h.number(skipped+i))) })
		}) {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// versionInfo returns what is known of a version, given its state.
func (s *Store) versionInfo(ctx context.Context, addr myvault.Address, m record.Metadata) (myvault.Info, error) {
	if m.State() != myvault.Live {
		return m.Info(addr, nil), nil
	}
	d, now, err := s.kv.stat(ctx, s.kv.secretKey(addr), myvault.Version(m.Version))
	if err != nil {
		return myvault.Info{}, err
	}
	if now == nil {
		return m.Info(addr, nil), nil // dropped by Vault in between
	}
	return now.Info(addr, d), nil
}

// versionValue is versionInfo with the value, if Vault returns it.
func (s *Store) versionValue(ctx context.Context, addr myvault.Address, m record.Metadata) (myvault.Secret, error) {
	if m.State() != myvault.Live {
		return myvault.Secret{Info: m.Info(addr, nil)}, nil
	}
	d, now, err := s.kv.read(ctx, s.kv.secretKey(addr), myvault.Version(m.Version))
	if err != nil {
		return myvault.Secret{}, err
	}
	if now == nil {
		return myvault.Secret{Info: m.Info(addr, nil)}, nil // dropped by Vault in between
	}
	if now.State() != myvault.Live {
		return myvault.Secret{Info: now.Info(addr, nil)}, nil
	}
	value, ok := d.Secret()
	if !ok {
		return myvault.Secret{}, foreign()
	}
	return myvault.Secret{Info: now.Info(addr, d), Value: value}, nil
}
