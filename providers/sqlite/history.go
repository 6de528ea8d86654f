package sqlite

import (
	"context"
	"iter"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// history gives the versions of an address, the newest first, from its newest log row on.
// The loop must leave rows alone that are older than the one it is given.
func (tx *transaction) history(newest uint64) iter.Seq2[ledger.VersionRow, error] {
	return func(yield func(ledger.VersionRow, error) bool) {
		for p := (&ledger.History{Next: newest}); p.Next != 0; {
			v, found, err := p.Step(tx.c, tx.file.Keys)
			if (found || err != nil) && !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Versions implements [myvault.Provider].
func (s *Store) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return s.versions(ctx, addr, before, s.file.Readers.Snapshot)
}

func (s *Store) versions(ctx context.Context, addr myvault.Address, before myvault.Version, read ledger.ReadFunc) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		p := &ledger.History{Address: addr}
		for started := false; !started || p.Next != 0; started = true {
			versions, err := s.versionsPage(ctx, p, !started, read)
			for _, v := range versions {
				if (before == 0 || v.Version < before) && !yield(v.Info, nil) {
					return
				}
			}
			if err != nil {
				yield(myvault.Info{}, err)
				return
			}
		}
	}
}

// versionsPage reads some rows on; at first it looks up where the history ends.
func (s *Store) versionsPage(ctx context.Context, p *ledger.History, first bool, read ledger.ReadFunc) (versions []ledger.VersionRow, err error) {
	err = read(ctx, func(c *db.Conn) error {
		if first {
			if err := s.toEnd(c, p); err != nil {
				return err
			}
		}
		for n := 0; n < ledger.PageRows && p.Next != 0; n++ {
			v, found, err := p.Step(c, s.file.Keys)
			if err != nil {
				return err
			}
			if found {
				versions = append(versions, v)
			}
		}
		return nil
	})
	return versions, err
}

// toEnd looks up where the history ends.
func (s *Store) toEnd(c *db.Conn, p *ledger.History) error {
	h, err := ledger.ReadHead(s.file.Keys, c, p.Address)
	if err != nil {
		return err
	}
	if h.Version == 0 {
		return myvault.ErrNotFound
	}
	s.saw(h.Seq)
	p.Next = h.Seq
	return nil
}
