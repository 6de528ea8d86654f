package ledger

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// Source reads one chain from its newest entry to its oldest.
type Source struct {
	Chain    string
	Read     readPage
	before   uint64 // the next page begins below it; 0: there is none
	PageRows []myvault.Entry
	err      error // what ended the reading behind page
}

// readPage reads the entries of a range below a sequence, and where the next page begins.
type readPage func(ctx context.Context, before uint64, r myvault.TrailFilter) (entries []myvault.Entry, next uint64, err error)

// fill reads pages until one has entries or the chain ends. An error waits until the entries
// that were good are gone.
func (s *Source) fill(ctx context.Context, r myvault.TrailFilter) error {
	for len(s.PageRows) == 0 && s.err == nil && s.before > 1 {
		s.PageRows, s.before, s.err = s.Read(ctx, s.before, r)
	}
	if len(s.PageRows) == 0 {
		return s.err
	}
	return nil
}

// Merge gives the entries of several chains by falling time.
func Merge(ctx context.Context, r myvault.TrailFilter, sources ...Source) iter.Seq2[myvault.Entry, error] {
	return func(yield func(myvault.Entry, error) bool) {
		chains := make([]Source, len(sources))
		copy(chains, sources)
		for i := range chains {
			chains[i].before = startBefore(r.Before, chains[i].Chain)
		}
		for {
			var newest *Source
			for i := range chains {
				s := &chains[i]
				if err := s.fill(ctx, r); err != nil {
					yield(myvault.Entry{}, err)
					return
				}
				if len(s.PageRows) > 0 && (newest == nil || s.PageRows[0].At.After(newest.PageRows[0].At)) {
					newest = s
				}
			}
			if newest == nil || !yield(newest.PageRows[0], nil) {
				return
			}
			newest.PageRows = newest.PageRows[1:]
		}
	}
}

// startBefore gives the sequence below which the range begins in a chain.
func startBefore(p myvault.Cursor, chain string) uint64 {
	if before, bounded := p[chain]; bounded {
		return min(before, math.MaxInt64)
	}
	return math.MaxInt64
}

// pageFilter narrows what a page reads; TrailRange.Contains decides.
const pageFilter = ` WHERE l.seq < ?1 AND (?2 = '' OR l.project = ?2) AND (?3 IS NULL OR %[1]s >= ?3)
	AND (?4 IS NULL OR %[1]s < ?4) ORDER BY l.seq DESC LIMIT ?5`

// pageArgs gives the arguments of selects.
func pageArgs(before uint64, r myvault.TrailFilter) []any {
	return []any{before, r.Prefix.Project, db.Optional(r.Since), db.Optional(r.Until), PageRows}
}

// pages reads a chain with a query, whose rows scan turns into entries.
func pages(read ReadFunc, query string, scan func(*sqlite3.Stmt) (myvault.Entry, error)) readPage {
	return func(ctx context.Context, before uint64, r myvault.TrailFilter) (entries []myvault.Entry, next uint64, err error) {
		rows := 0
		err = read(ctx, func(c *db.Conn) error {
			return c.Each(query, func(row *sqlite3.Stmt) error {
				e, err := scan(row)
				if err != nil {
					return err
				}
				// The engine believes the order of the rows; walking one that was changed may never end.
				if e.Seq >= before || rows > 0 && e.Seq >= next {
					return &fault.BadEntry{Chain: e.Chain, Seq: e.Seq, Reason: "it does not stand where its sequence says"}
				}
				rows++
				next = e.Seq
				if r.Contains(e) {
					entries = append(entries, e)
				}
				return nil
			}, pageArgs(before, r)...)
		})
		if rows < PageRows {
			next = 0
		}
		return entries, next, err
	}
}

var changesPage = `SELECT ` + LogColumns + ` FROM log l` + fmt.Sprintf(pageFilter, `coalesce(l.entry_at, l.at)`)

// ChangesSource reads the chain of changes.
func ChangesSource(k *keyring.Ring, read ReadFunc) Source {
	scan := func(row *sqlite3.Stmt) (myvault.Entry, error) {
		r := ScanLog(row)
		return r.Entry, r.CheckMAC(k)
	}
	return Source{Chain: myvault.ChainChanges, Read: pages(read, changesPage, scan)}
}
