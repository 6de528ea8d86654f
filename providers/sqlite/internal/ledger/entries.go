package ledger

import (
	"context"
	"iter"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// PageRows is the number of rows that an iterator reads at a time.
const PageRows = 256

// Source reads one chain from its newest entry to its oldest.
type Source struct {
	Chain  string
	Read   readPage
	before uint64 // the next page begins below it; 0: there is none
	page   []myvault.Entry
	err    error // that ended the reading after page
}

// readPage reads entries below a sequence that r selects. next is the start of the next page.
type readPage func(ctx context.Context, before uint64, r myvault.TrailFilter) (entries []myvault.Entry, next uint64, err error)

// fill reads pages until one has entries or the chain ends. It returns an error only once the
// entries read before it are consumed.
func (s *Source) fill(ctx context.Context, r myvault.TrailFilter) error {
	for len(s.page) == 0 && s.err == nil && s.before > 1 {
		s.page, s.before, s.err = s.Read(ctx, s.before, r)
	}
	if len(s.page) == 0 {
		return s.err
	}
	return nil
}

// Merge returns the entries of several chains that r selects, the newest first.
func Merge(ctx context.Context, r myvault.TrailFilter, sources ...Source) iter.Seq2[myvault.Entry, error] {
	return func(yield func(myvault.Entry, error) bool) {
		chains := slices.Clone(sources)
		for i := range chains {
			chains[i].before = firstBefore(r.Before, chains[i].Chain)
		}
		for {
			var newest *Source
			for i := range chains {
				s := &chains[i]
				if err := s.fill(ctx, r); err != nil {
					yield(myvault.Entry{}, err)
					return
				}
				if len(s.page) > 0 && (newest == nil || s.page[0].At.After(newest.page[0].At)) {
					newest = s
				}
			}
			if newest == nil || !yield(newest.page[0], nil) {
				return
			}
			newest.page = newest.page[1:]
		}
	}
}

// firstBefore returns the sequence below which reading starts in a chain.
func firstBefore(p myvault.Cursor, chain string) uint64 {
	if before, bounded := p[chain]; bounded {
		return min(before, math.MaxInt64)
	}
	return math.MaxInt64
}

// changesPage may select too many rows: TrailFilter.Contains decides.
const changesPage = `SELECT ` + LogColumns + ` FROM log l WHERE l.seq < ?1 AND (?2 = '' OR l.project = ?2)
	AND (?3 IS NULL OR coalesce(l.entry_at, l.at) >= ?3) AND (?4 IS NULL OR coalesce(l.entry_at, l.at) < ?4)
	ORDER BY l.seq DESC LIMIT ?5`

// ChangesSource returns the source of the chain of changes.
func ChangesSource(k *keyring.Ring, read ReadFunc) Source {
	page := func(ctx context.Context, before uint64, r myvault.TrailFilter) (entries []myvault.Entry, next uint64, err error) {
		rows := 0
		err = read(ctx, func(c *db.Conn) error {
			return c.Each(changesPage, func(row *sqlite3.Stmt) error {
				change := ScanLog(row)
				if err := change.CheckMAC(k); err != nil {
					return err
				}
				e := change.Entry
				// SQLite trusts the order on disk. If that was changed, reading might never end.
				if e.Seq >= before || rows > 0 && e.Seq >= next {
					return &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "it is out of order"}
				}
				rows++
				next = e.Seq
				if r.Contains(e) {
					entries = append(entries, e)
				}
				return nil
			}, before, r.Prefix.Project, db.Optional(r.Since), db.Optional(r.Until), PageRows)
		})
		if rows < PageRows {
			next = 0
		}
		return entries, next, err
	}
	return Source{Chain: myvault.ChainChanges, Read: page}
}
