package sqlite

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

// source reads one chain from its newest entry to its oldest.
type source struct {
	chain  string
	read   readPage
	before uint64 // the next page begins below it; 0: there is none
	page   []myvault.Entry
	err    error // what ended the reading behind page
}

// readPage reads the entries of a range below a sequence, and where the next page begins.
type readPage func(ctx context.Context, before uint64, r myvault.TrailFilter) (entries []myvault.Entry, next uint64, err error)

// fill reads pages until one has entries or the chain ends. An error waits until the entries
// that were good are gone.
func (s *source) fill(ctx context.Context, r myvault.TrailFilter) error {
	for len(s.page) == 0 && s.err == nil && s.before > 1 {
		s.page, s.before, s.err = s.read(ctx, s.before, r)
	}
	if len(s.page) == 0 {
		return s.err
	}
	return nil
}

// merged gives the entries of several chains by falling time.
func merged(ctx context.Context, r myvault.TrailFilter, sources ...source) iter.Seq2[myvault.Entry, error] {
	return func(yield func(myvault.Entry, error) bool) {
		chains := make([]source, len(sources))
		copy(chains, sources)
		for i := range chains {
			chains[i].before = beginning(r.Before, chains[i].chain)
		}
		for {
			var newest *source
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

// beginning gives the sequence below which the range begins in a chain.
func beginning(p myvault.Cursor, chain string) uint64 {
	if before, bounded := p[chain]; bounded {
		return min(before, math.MaxInt64)
	}
	return math.MaxInt64
}

// selects narrows what a page reads; TrailRange.Contains decides.
const selects = ` WHERE l.seq < ?1 AND (?2 = '' OR l.project = ?2) AND (?3 IS NULL OR %[1]s >= ?3)
	AND (?4 IS NULL OR %[1]s < ?4) ORDER BY l.seq DESC LIMIT ?5`

// selection gives the arguments of selects.
func selection(before uint64, r myvault.TrailFilter) []any {
	return []any{before, r.Prefix.Project, db.Optional(r.Since), db.Optional(r.Until), page}
}

// pages reads a chain with a query, whose rows scan turns into entries.
func pages(read reading, query string, scan func(*sqlite3.Stmt) (myvault.Entry, error)) readPage {
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
			}, selection(before, r)...)
		})
		if rows < page {
			next = 0
		}
		return entries, next, err
	}
}

var changesPage = `SELECT ` + logColumns + ` FROM log l` + fmt.Sprintf(selects, `coalesce(l.entry_at, l.at)`)

// changesSource reads the chain of changes.
func changesSource(k *keyring.Ring, read reading) source {
	scan := func(row *sqlite3.Stmt) (myvault.Entry, error) {
		r := scanLog(row)
		return r.entry, r.holds(k)
	}
	return source{chain: myvault.ChainChanges, read: pages(read, changesPage, scan)}
}
