package sqlite

import (
	"context"
	"iter"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/rowcache"
	"github.com/ncruces/go-sqlite3"
)

// Get implements [myvault.Provider]. It sees every change that was acknowledged before, by
// any process. It returns ErrTampered if the row or the record does not authenticate.
func (s *Store) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if err := ctx.Err(); err != nil {
		return myvault.Secret{}, err
	}
	if s.closed.Load() {
		return myvault.Secret{}, myvault.ErrClosed
	}
	if err := s.file.Fault.Load(); err != nil {
		return myvault.Secret{}, *err
	}
	v, err := s.validator.Current(ctx)
	if err != nil {
		return myvault.Secret{}, err
	}
	if v != nil {
		if r := s.cache.Get(addr); r != nil {
			if secret, known, err := r.Secret(version); known {
				s.hits[r.Hash>>59].Add(1)
				return secret, err
			}
		}
	}
	return s.readThrough(ctx, addr, version, v)
}

// readThrough reads a secret from the file. Its row enters the cache if v is still current
// then.
func (s *Store) readThrough(ctx context.Context, addr myvault.Address, version myvault.Version, v *rowcache.View) (secret myvault.Secret, err error) {
	s.misses.Add(1)
	var r *rowcache.Row
	query := func(c *db.Conn) (err error) {
		r, secret, err = s.look(c, addr, version)
		return err
	}
	switch {
	case version == 0 && v != nil: // the schema was checked when v was made
		err = s.file.Readers.Run(ctx, query)
	case version == 0:
		err = s.file.Readers.Read(ctx, query)
	default:
		err = s.file.Readers.Snapshot(ctx, query) // it takes several queries
	}
	if v != nil && r != nil && r.CanAnswer() {
		s.cache.Put(r, v.Generation)
	}
	return secret, err
}

// look reads a secret through c. It also returns the row of the address if it was read.
func (s *Store) look(c *db.Conn, addr myvault.Address, version myvault.Version) (r *rowcache.Row, secret myvault.Secret, err error) {
	r, value, err := s.current(c, addr, version)
	switch {
	case err != nil:
		return nil, secret, err
	case r.CheckReadable(version) != nil:
		return r, secret, r.CheckReadable(version)
	case version == 0, version == r.Version:
		secret = myvault.Secret{Info: r.Info, Value: value}
	default:
		secret, err = s.earlier(c, r.Head, version)
	}
	s.observe(r.Seq)
	return r, secret, err
}

const selectCurrent = `SELECT ` + ledger.HeadColumns + `, l.sealed FROM head h LEFT JOIN log l ON l.seq = h.value_seq
	WHERE h.project = ?1 AND h.path = ?2`

// current reads the row of an address and, if it is the version wanted, its value. The row
// of an address that never had a version has no state.
func (s *Store) current(c *db.Conn, addr myvault.Address, wanted myvault.Version) (r *rowcache.Row, value myvault.Value, err error) {
	r = &rowcache.Row{}
	err = c.Read(selectCurrent, func(b *db.Binder) {
		b.Text(addr.Project)
		b.Text(addr.Path)
	}, func(stmt *sqlite3.Stmt) (err error) {
		if r.Head, err = ledger.ScanHeadOf(s.file.Keys, addr, stmt); err != nil || r.State != myvault.Live {
			return err
		}
		if wanted != 0 && wanted != r.Version {
			return nil
		}
		record := stmt.ColumnRawBlob(11)
		if value, err = s.value(c, r.Info, r.ValueSeq, record); err == nil && s.cache.Accepts(len(record)) {
			err = r.SetRecord(c, s.file.Keys, record)
		}
		return err
	})
	if r.State == 0 {
		r.Address = myvault.Address{Project: strings.Clone(addr.Project), Path: strings.Clone(addr.Path)}
	}
	return r, value, err
}

// value decrypts the record of a log row.
func (s *Store) value(c *db.Conn, info myvault.Info, seq uint64, record []byte) (myvault.Value, error) {
	b, err := s.file.Keys.OpenRecord(c, keyring.RecordID(info.Address, info.Version), seq, record)
	if err != nil {
		return myvault.Value{}, err
	}
	defer clear(b)
	return myvault.Bytes(b), nil
}

// earlier reads a version that is not the current one.
func (s *Store) earlier(c *db.Conn, h ledger.Head, wanted myvault.Version) (myvault.Secret, error) {
	for p := (&ledger.History{Address: h.Address, Next: h.Seq}); p.Next != 0; {
		v, found, err := p.Step(c, s.file.Keys)
		switch {
		case err != nil:
			return myvault.Secret{}, err
		case !found || v.Version > wanted:
			continue
		case v.Version < wanted:
			return myvault.Secret{}, fault.Tampered("version %d is missing in the history that ends at log sequence %d", wanted, h.Seq)
		case v.State == myvault.Destroyed:
			return myvault.Secret{}, myvault.ErrDestroyed
		case v.State != myvault.Live, h.State != myvault.Live:
			return myvault.Secret{}, myvault.ErrNotFound
		}
		var secret myvault.Secret
		err = c.Each(`SELECT sealed FROM log WHERE seq = ?1`, func(row *sqlite3.Stmt) error {
			value, err := s.value(c, v.Info, v.Seq, row.ColumnRawBlob(0))
			secret = myvault.Secret{Info: v.Info, Value: value}
			return err
		}, v.Seq)
		return secret, err
	}
	return myvault.Secret{}, fault.Tampered("version %d is missing in the history that ends at log sequence %d", wanted, h.Seq)
}

var _ myvault.Snapshotter = (*Store)(nil)

// Snapshot implements [myvault.Snapshotter] with one read transaction, which uses a
// connection until f returns. Rows are authenticated as by [Store.Get] and [Store.List].
func (s *Store) Snapshot(ctx context.Context, f func(myvault.Reader) error) error {
	var failed error // of f, whose reads have turned errors of the engine into those of the vault
	err := s.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
		failed = f(snapshotReader{s, c})
		return failed
	})
	if failed != nil {
		return failed
	}
	return err
}

// snapshotReader reads through a connection that is in a transaction.
type snapshotReader struct {
	store *Store
	c     *db.Conn
}

func (r snapshotReader) read(ctx context.Context, f func(*db.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fault.FromEngine(ctx, f(r.c))
}

// Get implements [myvault.Reader].
func (r snapshotReader) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (secret myvault.Secret, err error) {
	err = r.read(ctx, func(c *db.Conn) (err error) {
		_, secret, err = r.store.look(c, addr, version)
		return err
	})
	return secret, err
}

// List implements [myvault.Reader].
func (r snapshotReader) List(ctx context.Context, in myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return r.store.list(ctx, in, r.read)
}

// Versions implements [myvault.Reader].
func (r snapshotReader) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return r.store.versions(ctx, addr, before, r.read)
}

// Projects implements [myvault.Reader].
func (r snapshotReader) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return r.store.listProjects(ctx, from, r.read)
}
