package sqlite

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

var _ myvault.Snapshotter = (*Store)(nil)

// Snapshot implements [myvault.Snapshotter] with one read transaction, which holds a connection
// until f returns. Each row is proved as by [Store.Get] and [Store.List].
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
