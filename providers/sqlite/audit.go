package sqlite

import (
	"context"
	"iter"
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
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
	return ledger.Merge(ctx, r, ledger.ChangesSource(s.file.Keys, s.file.Readers.Read), s.trail.Source())
}

// Heads implements [myvault.Auditor]: that of the changes, then that of the accesses.
func (s *Store) Heads(ctx context.Context) ([]myvault.Head, error) {
	changes, err := ledger.ReadChainHead(ctx, s.file.Readers.Snapshot, ledger.ChangesHead)
	if err != nil {
		return nil, err
	}
	access, err := s.trail.Heads(ctx)
	return append([]myvault.Head{changes}, access...), err
}
