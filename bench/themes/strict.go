package themes

import (
	"errors"
	"sync"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const writers = 16

// recorded is a store whose reads are on record before they are answered.
type recorded struct {
	name string
	peer peers.Peer
}

// The figures of a round.
const (
	oneRead = iota
	oneHalf
	oneTail
	besideHalf
	besideTail
	besideWrites
	manyRate
)

// strictTables measure reads that are written down before the value is released.
func strictTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	stores, err := r.recorded(&open)
	if err != nil {
		return nil, err
	}
	contestants := make([]measure.Contestant, len(stores))
	for i, s := range stores {
		contestants[i] = measure.Contestant{Name: s.name, Round: func() ([]float64, error) { return r.strictRound(s.peer) }}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, contestants)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Reading strictly", Note: "The entry is in the trail before the value is released. setec's trail waits for the disk at every entry; " +
		"myVault's survives a crash of the process at once, and is on the disk within 100 ms. bbolt and badger have no trail: they stand here for what the writers cost."}
	vault := results[0]
	for _, result := range results {
		t.Rows = append(t.Rows, strictRows(result, vault, r.main())...)
	}
	return []Table{t}, nil
}

// strictRows gives the figures of one store; those of others as ratios to the vault's.
func strictRows(result, vault measure.Result, secrets int) []Row {
	row := func(what string, unit Unit, figure int, reach Reach) Row {
		row := Row{What: result.Name + ", " + what, Secrets: secrets, Unit: unit, Figure: result.Of(figure), Reach: reach}
		if result.Name != vault.Name {
			row.Against, row.Ratio, row.Reach = vault.Name, result.Of(figure).Over(vault.Of(figure)), Reach{}
		}
		return row
	}
	return []Row{
		row("one caller", seconds, oneRead, FigureAtMost(20e-6, "at most 20 us")),
		row("one caller, p50", seconds, oneHalf, Reach{}),
		row("one caller, p99", seconds, oneTail, Reach{}),
		row("beside 16 writers, p50", seconds, besideHalf, Reach{}),
		row("beside 16 writers, p99", seconds, besideTail, FigureAtMost(150e-6, "at most 150 us")),
		row("changes of those writers", perSecond, besideWrites, Reach{}),
		row("64 callers", perSecond, manyRate, FigureAtLeast(200_000, "at least 200,000 a second")),
	}
}

// recorded opens the stores of this theme, the local one first. They are changed, and so its own.
func (r *run) recorded(open *closers) ([]recorded, error) {
	all := peers.Names(r.main())
	var stores []recorded
	for _, e := range engines(len(all)) {
		dir, err := r.fresh(e, len(all))
		if err != nil {
			return nil, err
		}
		p, err := e.Open(dir, writers)
		if err != nil {
			return nil, err
		}
		*open = append(*open, p)
		stores = append(stores, recorded{e.Name, p})
	}
	inMemory, err := peers.MemoryVaults(all)
	if err != nil {
		return nil, err
	}
	*open = append(*open, inMemory)
	return append(stores, recorded{"myVault in memory", inMemory.Peer(myvault.Strict)}), nil
}

func (r *run) strictRound(p peers.Peer) ([]float64, error) {
	all := peers.Names(r.main())
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
	beside, writes, err := r.beside(p, all, read)
	if err != nil {
		return nil, err
	}
	many, err := measure.PerSecond(r.Slice, 64, read)
	return []float64{1 / rate, alone[0], alone[1], beside[0], beside[1], writes, many}, err
}

// beside times reads while writers change secrets, and gives the rate of their changes.
func (r *run) beside(p peers.Peer, all []peers.Secret, read measure.Op) (latencies []float64, writes float64, err error) {
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
