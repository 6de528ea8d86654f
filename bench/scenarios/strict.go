package scenarios

import (
	"errors"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const writers = 16

type recordedStore struct {
	name string
	peer peers.Peer
}

// The figures of a round.
const (
	oneMean = iota
	oneP50
	oneP99
	writingP50
	writingP99
	writeRate
	manyRate
)

// strictTables measure reads that are recorded before they return.
func strictTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	stores, err := r.recordedStores(&open)
	if err != nil {
		return nil, err
	}
	candidates := make([]measure.Candidate, len(stores))
	for i, s := range stores {
		candidates[i] = measure.Candidate{Name: s.name, Round: func() ([]float64, error) { return r.strictRound(s.peer) }}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Strict reads", Note: "The entry is in the trail before the read returns. setec syncs each entry to the disk. " +
		"myVault's entries survive a crash of the process at once, and are synced to the disk within 100 ms. bbolt and badger have no trail: they show the effect of the writers."}
	vault := results[0]
	for _, result := range results {
		t.Rows = append(t.Rows, strictRows(result, vault, r.mainSize())...)
	}
	return []Table{t}, nil
}

// strictRows returns the rows of one store. Those of other stores have ratios to myVault.
func strictRows(result, vault measure.Result, secrets int) []Row {
	row := func(what string, unit Unit, figure int, goal Goal) Row {
		row := Row{What: result.Name + ", " + what, Secrets: secrets, Unit: unit, Figure: result.Of(figure), Goal: goal}
		if result.Name != vault.Name {
			row.Against, row.Ratio, row.Goal = vault.Name, result.Of(figure).Over(vault.Of(figure)), Goal{}
		}
		return row
	}
	return []Row{
		row("one caller", seconds, oneMean, FigureAtMost(20e-6, "at most 20 us")),
		row("one caller, p50", seconds, oneP50, Goal{}),
		row("one caller, p99", seconds, oneP99, Goal{}),
		row("beside 16 writers, p50", seconds, writingP50, Goal{}),
		row("beside 16 writers, p99", seconds, writingP99, FigureAtMost(150e-6, "at most 150 us")),
		row("writes by those writers", perSecond, writeRate, Goal{}),
		row("64 callers", perSecond, manyRate, FigureAtLeast(200_000, "at least 200,000 a second")),
	}
}

// recordedStores creates the stores of this scenario, the local one first. They are not shared,
// because the writers change them.
func (r *run) recordedStores(open *closers) ([]recordedStore, error) {
	all := peers.Names(r.mainSize())
	var stores []recordedStore
	for _, e := range engines(len(all)) {
		dir, err := r.newStore(e, len(all))
		if err != nil {
			return nil, err
		}
		p, err := e.Open(dir, writers)
		if err != nil {
			return nil, err
		}
		*open = append(*open, p)
		stores = append(stores, recordedStore{e.Name, p})
	}
	inMemory, err := peers.MemoryVaults(all)
	if err != nil {
		return nil, err
	}
	*open = append(*open, inMemory)
	return append(stores, recordedStore{"myVault in memory", inMemory.Peer(myvault.ReadsStrict)}), nil
}

func (r *run) strictRound(p peers.Peer) ([]float64, error) {
	all := peers.Names(r.mainSize())
	read := func(caller, n int) error {
		_, err := p.Get(all[(n*stride+caller)%len(all)])
		return err
	}
	rate, err := measure.PerSecond(r.Slice, 1, read)
	if err != nil {
		return nil, err
	}
	alone, err := measure.Latencies(r.Slice, read, 0.5, 0.99)
	if err != nil {
		return nil, err
	}
	whileWriting, writes, err := r.whileWriting(p, all, read)
	if err != nil {
		return nil, err
	}
	many, err := measure.PerSecond(r.Slice, 64, read)
	return []float64{1 / rate, alone[0], alone[1], whileWriting[0], whileWriting[1], writes, many}, err
}

// whileWriting returns the latencies of reads while writers change secrets, and the writers' rate.
func (r *run) whileWriting(p peers.Peer, all []peers.Secret, read measure.Op) (latencies []float64, writes float64, err error) {
	var working sync.WaitGroup
	var failed error
	working.Go(func() {
		writes, failed = measure.PerSecond(r.Slice, writers, func(caller, n int) error {
			s := all[(caller*31+n*writers)%len(all)]
			return p.Put(s, s.Value(n+1))
		})
	})
	latencies, err = measure.Latencies(r.Slice, read, 0.5, 0.99)
	working.Wait()
	return latencies, writes, errors.Join(err, failed)
}
