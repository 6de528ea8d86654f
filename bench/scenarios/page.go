package scenarios

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

type listedStore struct {
	name    string
	secrets int
	peer    peers.Peer
}

// pageTables measure listing the first page of each project in turn.
func pageTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	listedStores, err := r.listedStores(&open)
	if err != nil {
		return nil, err
	}
	candidates := make([]measure.Candidate, len(listedStores))
	for i, l := range listedStores {
		candidates[i] = measure.Candidate{Name: l.name, Round: func() ([]float64, error) {
			rate, err := measure.PerSecond(r.Slice, 1, l.page)
			return []float64{1 / rate}, err
		}}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Listing a page", Note: "The first 100 secrets below `prod/` of a project, all of which the caller may list. " +
		"For each, myVault verifies the row and returns name, version, time and author. bbolt and badger return names. setec is missing because it lists all names at once."}
	first := make(map[string]measure.Samples)
	for i, l := range listedStores {
		row := Row{What: l.name, Secrets: l.secrets, Unit: seconds, Figure: results[i].Of(0)}
		if fewest, found := first[l.name]; found {
			row.Against, row.Ratio = number(r.Sizes[0])+" secrets", row.Figure.Over(fewest)
			if l.secrets == r.Sizes[len(r.Sizes)-1] && l.name == strictLister {
				row.Goal = RatioAtMost(flat, flatGoal)
			}
		} else {
			first[l.name] = row.Figure
		}
		t.Rows = append(t.Rows, row)
	}
	return []Table{t}, nil
}

const strictLister = "myVault, strict"

// page lists the first page of a project. The order of projects defeats caches.
func (l listedStore) page(_, n int) error {
	found, err := l.peer.Page(peers.Name(n * stride * peers.PageSize % l.secrets))
	if err == nil && found != peers.PageSize {
		err = fmt.Errorf("%d secrets in a page, want %d", found, peers.PageSize)
	}
	return err
}

// listedStores opens the stores of this scenario, in the order of their numbers of secrets.
func (r *run) listedStores(open *closers) ([]listedStore, error) {
	var listedStores []listedStore
	for _, secrets := range r.Sizes {
		vaults, err := r.local(secrets)
		if err != nil {
			return nil, err
		}
		*open = append(*open, vaults)
		listedStores = append(listedStores,
			listedStore{strictLister, secrets, vaults.Peer(myvault.ReadsStrict)},
			listedStore{"myVault, not recorded", secrets, vaults.Peer(myvault.ReadsOff)})
		for _, e := range engines(secrets)[1:] {
			if e.Name == peers.Setec().Name {
				continue
			}
			dir, err := r.filledStore(e, secrets)
			if err != nil {
				return nil, err
			}
			p, err := e.Open(dir, 1)
			if err != nil {
				return nil, err
			}
			*open = append(*open, p)
			listedStores = append(listedStores, listedStore{e.Name, secrets, p})
		}
	}
	return listedStores, nil
}
