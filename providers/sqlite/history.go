package sqlite

import (
	"context"
	"fmt"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// history yields the versions of an address, the newest first, from its newest log row on.
// The loop must not read rows older than the one it is passed.
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

// versionsPage reads the next rows. The first call looks up the end of the history.
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

// toEnd looks up the end of the history.
func (s *Store) toEnd(c *db.Conn, p *ledger.History) error {
	h, err := ledger.ReadHead(s.file.Keys, c, p.Address)
	if err != nil {
		return err
	}
	if h.Version == 0 {
		return myvault.ErrNotFound
	}
	s.observe(h.Seq)
	p.Next = h.Seq
	return nil
}

var (
	_ myvault.Archive = (*Store)(nil)
	_ myvault.Limited = (*Store)(nil)
)

// History implements [myvault.Archive]. Like Versions it proves each link of the history; it
// holds the values of one page at most, and ends a page early after 1 MiB of them.
func (s *Store) History(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Secret, error] {
	return func(yield func(myvault.Secret, error) bool) {
		p, newest := &ledger.History{Address: addr}, uint64(0)
		for started := false; !started || p.Next != 0; started = true {
			secrets, err := s.historyPage(ctx, p, &newest)
			for _, secret := range secrets {
				if !yield(secret, nil) {
					return
				}
			}
			if err != nil {
				yield(myvault.Secret{}, err)
				return
			}
		}
	}
}

// maxPageValues is how many bytes of values a page of a history may have before it ends.
const maxPageValues = 1 << 20

// historyPage reads the next versions. newest is the log row at which the walk started, or 0.
func (s *Store) historyPage(ctx context.Context, p *ledger.History, newest *uint64) (secrets []myvault.Secret, err error) {
	size := 0
	err = s.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
		if *newest == 0 {
			if err := s.toEnd(c, p); err != nil {
				return err
			}
			*newest = p.Next
		}
		for n := 0; n < ledger.PageRows && size < maxPageValues && p.Next != 0; n++ {
			v, found, err := p.Step(c, s.file.Keys)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			secret, err := s.archived(c, v, *newest)
			if err != nil {
				return err
			}
			size += secret.Value.Len()
			secrets = append(secrets, secret)
		}
		return nil
	})
	return secrets, err
}

// archived reads the value of a version, deleted or not. One that is gone was destroyed behind
// the walk, if the history has grown since it began.
func (s *Store) archived(c *db.Conn, v ledger.VersionRow, newest uint64) (myvault.Secret, error) {
	secret := myvault.Secret{Info: v.Info}
	if v.State == myvault.Destroyed {
		return secret, nil
	}
	if !v.HasRecord {
		now := &ledger.History{Address: v.Address}
		if err := s.toEnd(c, now); err != nil {
			return secret, err
		}
		if now.Next != newest {
			return secret, fmt.Errorf("%w: the history changed while it was read; read it again", myvault.ErrUnavailable)
		}
	}
	err := c.Each(`SELECT sealed FROM log WHERE seq = ?1`, func(row *sqlite3.Stmt) (err error) {
		secret.Value, err = s.value(c, v.Info, v.Seq, row.ColumnRawBlob(0))
		return err
	}, v.Seq)
	return secret, err
}

// Limits implements [myvault.Limited].
func (s *Store) Limits() (projects, versions int) { return s.maxProjects, 0 }
