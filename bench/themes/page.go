package themes

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// lister is a store that is listed.
type lister struct {
	name    string
	secrets int
	peer    peers.Peer
}

// pageTables time the first page of a project, each project in turn.
func pageTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	listers, err := r.listers(&open)
	if err != nil {
		return nil, err
	}
	contestants := make([]measure.Contestant, len(listers))
	for i, l := range listers {
		contestants[i] = measure.Contestant{Name: l.name, Round: func() ([]float64, error) {
			rate, err := measure.PerSecond(r.Slice, 1, l.page)
			return []float64{1 / rate}, err
		}}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, contestants)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Listing a page", Note: "The first 100 secrets below `prod/` of a project, which the caller may list. myVault gives version, time and author with each name and proves the row; " +
		"bbolt and badger give the names. setec has no pages: a caller gets all names there are."}
	first := make(map[string]measure.Samples)
	for i, l := range listers {
		row := Row{What: l.name, Secrets: l.secrets, Unit: seconds, Figure: results[i].Of(0)}
		if smallest, found := first[l.name]; found {
			row.Against, row.Ratio = number(r.Sizes[0])+" secrets", row.Figure.Over(smallest)
			if l.secrets == r.Sizes[len(r.Sizes)-1] && l.name == strictLister {
				row.Reach = RatioAtMost(flat, flatGoal)
			}
		} else {
			first[l.name] = row.Figure
		}
		t.Rows = append(t.Rows, row)
	}
	return []Table{t}, nil
}

const strictLister = "myVault, strict"

// page lists a page of the n-th project, in an order that jumps about.
func (l lister) page(_, n int) error {
	found, err := l.peer.Page(peers.Name(n * stride * peers.PageSize % l.secrets))
	if err == nil && found != peers.PageSize {
		err = fmt.Errorf("a page of %d secrets", found)
	}
	return err
}

// listers opens everything that is listed, from the fewest secrets to the most.
func (r *run) listers(open *closers) ([]lister, error) {
	var listers []lister
	for _, secrets := range r.Sizes {
		vaults, err := r.local(secrets)
		if err != nil {
			return nil, err
		}
		*open = append(*open, vaults)
		listers = append(listers,
			lister{strictLister, secrets, vaults.Peer(myvault.Strict)},
			lister{"myVault, not recorded", secrets, vaults.Peer(myvault.Off)})
		for _, e := range engines(secrets)[1:] {
			if e.Name == peers.Setec().Name {
				continue
			}
			dir, err := r.filled(e, secrets)
			if err != nil {
				return nil, err
			}
			p, err := e.Open(dir, 1)
			if err != nil {
				return nil, err
			}
			*open = append(*open, p)
			listers = append(listers, lister{e.Name, secrets, p})
		}
	}
	return listers, nil
}
