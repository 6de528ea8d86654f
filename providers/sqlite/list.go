package sqlite

import (
	"context"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// firstPage is enough for a page of 100 and the question whether there is more. Each row
// costs its authentication.
const firstPage = 101

// List implements [myvault.Provider]. It reads pages, each of which sees the changes before
// it, and holds no lock between them. At a row that does not authenticate it yields
// ErrTampered.
func (s *Store) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return s.list(ctx, r, s.file.Readers.Read)
}

func (s *Store) list(ctx context.Context, r myvault.ListOptions, read ledger.ReadFunc) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for _, run := range runsOf(r.Prefix) {
			if r.After != (myvault.Address{}) {
				run.startAfter(r.After)
			}
			for limit, more := firstPage, true; more; limit = ledger.PageRows {
				infos, err := s.listPage(ctx, run, r.Deleted, limit, read)
				for _, info := range infos {
					if !yield(info, nil) {
						return
					}
					run.startAfter(info.Address)
				}
				if err != nil {
					yield(myvault.Info{}, err)
					return
				}
				more = len(infos) == limit
			}
		}
	}
}

// run is a range of addresses, from inclusive to exclusive.
type run struct{ from, to myvault.Address }

// runsOf returns the ranges that a prefix selects. The secret prod and the folder prod/ are
// two: prod-x sorts between them.
func runsOf(p myvault.Prefix) []run {
	at := func(path string) myvault.Address { return myvault.Address{Project: p.Project, Path: path} }
	switch last := len(p.Path) - 1; {
	case p.Project == "":
		return []run{{to: myvault.Address{Project: "\xff"}}} // no UTF-8 has this byte
	case last < 0:
		return []run{{at(""), myvault.Address{Project: p.Project + "\x00"}}}
	case p.Path[last] == '/':
		return []run{{at(p.Path), at(p.Path[:last] + "0")}} // '0' follows '/'
	default:
		return []run{{at(p.Path), at(p.Path + "\x00")}, {at(p.Path + "/"), at(p.Path + "0")}}
	}
}

// startAfter moves the start of the run behind a.
func (r *run) startAfter(a myvault.Address) {
	a.Path += "\x00" // nothing lies between a path and this
	if a.Compare(r.from) > 0 {
		r.from = a
	}
}

// follows checks that a row is in the run and after the rows read before. The engine trusts
// the order of the rows, so walking an altered index may never end.
func (r *run) follows(h ledger.Head, read []myvault.Info) error {
	if h.Compare(r.from) < 0 || h.Compare(r.to) >= 0 || len(read) > 0 && h.Compare(read[len(read)-1].Address) <= 0 {
		return fault.Tampered("the order of the table head, at a row which points at log sequence %d", h.Seq)
	}
	return nil
}

const (
	inRun    = `SELECT ` + ledger.HeadColumns + ` FROM head h WHERE (project, path) >= (?1, ?2) AND (project, path) < (?3, ?4)`
	listLive = inRun + ` AND state = 1 ORDER BY project, path LIMIT ?5`
	listGone = inRun + ` AND state <> 1 ORDER BY project, path LIMIT ?5`
)

func (s *Store) listPage(ctx context.Context, r run, deleted bool, limit int, read ledger.ReadFunc) (infos []myvault.Info, err error) {
	query := listLive
	if deleted {
		query = listGone
	}
	err = read(ctx, func(c *db.Conn) error {
		return c.Each(query, func(row *sqlite3.Stmt) error {
			h, err := ledger.ScanHead(s.file.Keys, row)
			if err == nil {
				err = r.follows(h, infos)
			}
			if err == nil && (h.State != myvault.Live) != deleted {
				err = fault.Tampered("an index of the table head, at a row which points at log sequence %d", h.Seq)
			}
			if err == nil {
				infos = append(infos, h.Info)
			}
			return err
		}, r.from.Project, r.from.Path, r.to.Project, r.to.Path, limit)
	})
	return infos, err
}
