package scenarios

import (
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const bareOpen = "bare AES-GCM open"

// stride visits all secrets in an order that defeats hardware prefetching. It is a prime that does
// not divide any of the sizes.
const stride = 7919

// reader is a store that is read. get reads the i-th secret.
type reader struct {
	name string
	get  func(i int) ([]byte, error)
}

// readTables measure reads of all secrets of a store.
func readTables(r *run) ([]Table, error) {
	one := Table{Title: "Reading, one caller", Note: "Reading the clear bytes of one secret (`Session.Get` and `RevealBytes`), with the policy check. All secrets of the store are read in turn. " +
		"\"Of a tenth\" reads only a tenth of them, because equal relaxed reads coalesce into one entry. The baseline opens the same number of AES-256-GCM records in the same order, each allocated separately."}
	two := Table{Title: "Reading, two callers", Note: "The same work by two goroutines. The ratio is to one caller in the same round."}
	for _, secrets := range r.Sizes {
		results, err := r.reads(secrets)
		if err != nil {
			return nil, err
		}
		for _, result := range results {
			row := Row{What: result.Name, Secrets: secrets, Unit: seconds, Figure: inverse(result.Of(0))}
			if result.Name != bareOpen {
				row.Against, row.Ratio = bareOpen, results[0].Of(0).Over(result.Of(0))
			}
			both := Row{What: result.Name + ", 2 callers", Secrets: secrets, Unit: perSecond, Figure: result.Of(1), Against: "one caller", Ratio: result.Of(1).Over(result.Of(0))}
			if secrets == r.mainSize() {
				row.Goal, both.Goal = readGoals(result.Name)
			}
			one.Rows, two.Rows = append(one.Rows, row), append(two.Rows, both)
		}
	}
	return []Table{one, two}, nil
}

// readGoals returns the goals for one caller and for two.
func readGoals(name string) (one, two Goal) {
	switch name {
	case "myVault, reads off", "myVault, reads relaxed":
		return RatioAtMost(4, "at most 4x a bare open"), RatioAtLeast(1.6, "at least 1.6x one caller")
	case "myVault in memory, reads off":
		return RatioAtMost(1.5, "at most 1.5x a bare open"), Goal{}
	}
	return Goal{}, Goal{}
}

// inverse converts rates to times.
func inverse(rates measure.Samples) measure.Samples {
	times := make(measure.Samples, len(rates))
	for i, rate := range rates {
		times[i] = 1 / rate
	}
	return times
}

// reads measures the rates of one caller and of two.
func (r *run) reads(secrets int) (_ []measure.Result, err error) {
	readers, closeAll, err := r.readers(peers.Names(secrets))
	defer func() { err = errors.Join(err, closeAll()) }()
	if err != nil {
		return nil, err
	}
	r.Log("  reading %d secrets", secrets)
	candidates := make([]measure.Candidate, len(readers))
	for i, reader := range readers {
		op := func(caller, n int) error {
			_, err := reader.get((n*stride + caller*secrets/2) % secrets)
			return err
		}
		candidates[i] = measure.Candidate{Name: reader.name, Round: func() ([]float64, error) {
			one, err := measure.PerSecond(r.Slice, 1, op)
			if err != nil {
				return nil, err
			}
			two, err := measure.PerSecond(r.Slice, 2, op)
			return []float64{one, two}, err
		}}
	}
	return measure.Rounds(r.ctx, r.Rounds, candidates)
}

// readers opens the stores of this scenario, the baseline first. closeAll is never nil.
func (r *run) readers(all []peers.Secret) (readers []reader, closeAll func() error, err error) {
	var open closers
	add := func(name string, p peers.Peer) {
		open = append(open, p)
		readers = append(readers, reader{name, func(i int) ([]byte, error) { return p.Get(all[i]) }})
	}
	fail := func(err error) ([]reader, func() error, error) { return nil, open.close, err }
	sealed, err := peers.NewSealed(all)
	if err != nil {
		return fail(err)
	}
	readers = append(readers, reader{bareOpen, sealed.Open})
	local, err := r.local(len(all))
	if err != nil {
		return fail(err)
	}
	open = append(open, local)
	for _, mode := range peers.Modes[:2] {
		add("myVault, reads "+mode.Name, local.Peer(mode.Reads))
	}
	relaxed, tenth := local.Peer(myvault.ReadsRelaxed), len(all)/10
	readers = append(readers, reader{"myVault, reads relaxed, of a tenth", func(i int) ([]byte, error) { return relaxed.Get(all[i%tenth]) }})
	if len(all) > peerLimit {
		return readers, open.close, nil
	}
	inMemory, err := peers.MemoryVaults(all)
	if err != nil {
		return fail(err)
	}
	open = append(open, inMemory)
	for _, mode := range peers.Modes[:2] {
		add("myVault in memory, reads "+mode.Name, inMemory.Peer(mode.Reads))
	}
	err = r.others(all, add)
	return readers, open.close, err
}

// others opens the stores other than myVault's.
func (r *run) others(all []peers.Secret, add func(string, peers.Peer)) error {
	bare, err := peers.NewMap(all)
	if err != nil {
		return err
	}
	add("bare map + AES-GCM", bare)
	for _, e := range engines(len(all))[1:] {
		dir, err := r.filledStore(e, len(all))
		if err != nil {
			return err
		}
		name, open := e.Name, e.Open
		if name == peers.Setec().Name {
			name, open = name+", no trail", func(dir string, _ int) (peers.Peer, error) { return peers.OpenSetecWithoutTrail(dir) }
		}
		p, err := open(dir, 2)
		if err != nil {
			return err
		}
		add(name, p)
	}
	return nil
}

// local opens vaults over a local store with the given number of secrets.
func (r *run) local(secrets int) (*peers.Vaults, error) {
	dir, err := r.filledStore(peers.Local(), secrets)
	if err != nil {
		return nil, err
	}
	return peers.OpenVaults(dir)
}

// closers are closed in reverse order.
type closers []interface{ Close() error }

func (c *closers) close() error {
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		errs = append(errs, (*c)[i].Close())
	}
	*c = nil
	return errors.Join(errs...)
}
