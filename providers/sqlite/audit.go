package sqlite

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Record implements [myvault.Trail]: the entries go to the chain of access entries, and
// each is stamped with the newest change that this process has seen. See [Trail.Record].
func (s *Store) Record(ctx context.Context, entries ...myvault.Entry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Seen = s.newest.Load()
	}
	return s.trail.Record(ctx, entries...)
}

// Entries implements [myvault.Trail]: both chains merged. See [Trail.Entries].
func (s *Store) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return merged(ctx, r, s.source(), s.trail.source())
}

// Heads implements [myvault.Auditor]: that of the changes, then that of the accesses.
func (s *Store) Heads(ctx context.Context) ([]myvault.Head, error) {
	changes, err := readChainHead(s.file, ctx, changesHead)
	if err != nil {
		return nil, err
	}
	access, err := s.trail.Heads(ctx)
	return append([]myvault.Head{changes}, access...), err
}

// head gives the newest link of a chain.
func readChainHead(f *wal.File, ctx context.Context, of func(*db.Conn) (myvault.Head, error)) (h myvault.Head, err error) {
	err = f.Readers.Snapshot(ctx, func(c *db.Conn) error {
		h, err = of(c)
		return err
	})
	return h, err
}

func changesHead(c *db.Conn) (myvault.Head, error) {
	h := myvault.Head{Chain: myvault.ChainChanges, MAC: crypto.Genesis()}
	err := c.Each(`SELECT seq, coalesce(entry_at, at), mac FROM log ORDER BY seq DESC LIMIT 1`, newest(&h))
	return h, err
}

// newest reads sequence, time and MAC of the newest link.
func newest(h *myvault.Head) func(row *sqlite3.Stmt) error {
	return func(row *sqlite3.Stmt) error {
		h.Seq, h.At, h.MAC = uint64(row.ColumnInt64(0)), db.TimeAt(row, 1), row.ColumnBlob(2, nil)
		return nil
	}
}

var changesPage = `SELECT ` + logColumns + ` FROM log l` + fmt.Sprintf(selects, `coalesce(l.entry_at, l.at)`)

// source reads the chain of changes.
func (s *Store) source() source {
	scan := func(row *sqlite3.Stmt) (myvault.Entry, error) {
		r := scanLog(row)
		return r.entry, r.holds(s.file.Keys)
	}
	return source{chain: myvault.ChainChanges, read: pages(s.file, changesPage, scan)}
}
