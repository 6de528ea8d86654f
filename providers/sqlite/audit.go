package sqlite

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
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
func (s *Store) Entries(ctx context.Context, r myvault.TrailRange) iter.Seq2[myvault.Entry, error] {
	return merged(ctx, r, s.source(), s.trail.source())
}

// Heads implements [myvault.Auditor]: that of the changes, then that of the accesses.
func (s *Store) Heads(ctx context.Context) ([]myvault.Head, error) {
	changes, err := s.head(ctx, myvault.ChainChanges, changesHead)
	if err != nil {
		return nil, err
	}
	access, err := s.trail.Heads(ctx)
	return append([]myvault.Head{changes}, access...), err
}

// The newest link of each chain: its sequence, time and MAC.
const (
	changesHead = `SELECT seq, coalesce(entry_at, at), mac FROM log ORDER BY seq DESC LIMIT 1`
	accessHead  = `SELECT seq, at, mac FROM entry ORDER BY seq DESC LIMIT 1`
)

var (
	changesPage = `SELECT ` + logColumns + ` FROM log l` + fmt.Sprintf(selects, `coalesce(l.entry_at, l.at)`)
	accessPage  = `SELECT ` + entryColumns + ` FROM entry l` + fmt.Sprintf(selects, `l.at`)
)

// source reads the chain of changes.
func (s *Store) source() source {
	scan := func(row *sqlite3.Stmt) (myvault.Entry, error) {
		r := scanLog(row)
		return r.entry, r.holds(s.keys)
	}
	return source{chain: myvault.ChainChanges, read: s.pages(changesPage, scan)}
}

// source reads the chain of accesses.
func (t *Trail) source() source {
	scan := func(row *sqlite3.Stmt) (myvault.Entry, error) {
		e := scanEntry(row)
		return e, t.keys.holds(&e)
	}
	return source{chain: myvault.ChainAccess, read: t.pages(accessPage, scan)}
}
