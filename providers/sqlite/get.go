package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// Get implements [myvault.Provider]. It sees every change that was acknowledged before,
// by other processes too. ErrTampered where the row or the record does not authenticate.
func (s *Store) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (secret myvault.Secret, err error) {
	read := s.readers.read
	if version != 0 {
		read = s.readers.snapshot // it takes several queries
	}
	err = read(ctx, func(c *conn) error {
		h, value, err := s.current(c, addr, version)
		if err != nil {
			return err
		}
		if version == 0 || version == h.Version {
			secret = myvault.Secret{Info: h.Info, Value: value}
			return nil
		}
		secret, err = s.earlier(c, h, version)
		return err
	})
	return secret, err
}

// current reads the head of a live address, and its value if that is the version wanted.
func (s *Store) current(c *conn, addr myvault.Address, wanted myvault.Version) (h head, value myvault.Value, err error) {
	err = c.each(`SELECT `+headColumns+`, l.sealed FROM head h LEFT JOIN log l ON l.seq = h.value_seq
		WHERE h.project = ?1 AND h.path = ?2`, func(row *sqlite3.Stmt) (err error) {
		if h, err = s.keys.scanHead(row); err != nil || h.State != myvault.Live {
			return err
		}
		if wanted != 0 && wanted != h.Version {
			return nil
		}
		value, err = s.value(c, h.Info, h.valueSeq, row.ColumnRawBlob(11))
		return err
	}, addr.Project, addr.Path)
	switch {
	case err != nil:
		return h, value, err
	case h.State != myvault.Live, wanted > h.Version:
		return h, value, myvault.ErrNotFound
	}
	s.saw(h.seq)
	return h, value, nil
}

// value opens the record of a log row for its reader.
func (s *Store) value(c *conn, info myvault.Info, seq uint64, record []byte) (myvault.Value, error) {
	b, err := s.keys.open(c, placeOf(info.Address, info.Version), seq, record)
	if err != nil {
		return myvault.Value{}, err
	}
	defer clear(b)
	return myvault.Bytes(b), nil
}

// earlier reads a version that is not the current one.
func (s *Store) earlier(c *conn, h head, wanted myvault.Version) (myvault.Secret, error) {
	for p := (&past{addr: h.Address, next: h.seq}); p.next != 0; {
		v, found, err := p.step(c, s.keys)
		switch {
		case err != nil:
			return myvault.Secret{}, err
		case !found || v.Version > wanted:
			continue
		case v.Version < wanted:
			return myvault.Secret{}, tampered("version %d is missing in the history that ends at log sequence %d", wanted, h.seq)
		case v.State == myvault.Destroyed:
			return myvault.Secret{}, myvault.ErrDestroyed
		case v.State != myvault.Live:
			return myvault.Secret{}, myvault.ErrNotFound
		}
		var secret myvault.Secret
		err = c.each(`SELECT sealed FROM log WHERE seq = ?1`, func(row *sqlite3.Stmt) error {
			value, err := s.value(c, v.Info, v.seq, row.ColumnRawBlob(0))
			secret = myvault.Secret{Info: v.Info, Value: value}
			return err
		}, v.seq)
		return secret, err
	}
	return myvault.Secret{}, tampered("version %d is missing in the history that ends at log sequence %d", wanted, h.seq)
}
