package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// memoryTables measure the memory of child processes that open a store and read from all parts of
// it.
func memoryTables(r *run) ([]Table, error) {
	t := Table{Title: "Memory", Note: fmt.Sprintf("Memory of a process that opens the store with default settings and reads from all parts of it, 100,000 times or for %v: "+
		"its peak (VmHWM), and its private memory at the end (RssAnon). \"The program alone\" is the same process without a store; every store is linked into it.", r.readTime())}
	if _, _, err := resident(); errors.Is(err, errors.ErrUnsupported) {
		t.Note += " Only Linux reports these figures."
		return []Table{t}, nil
	}
	candidates, rows, err := r.processes()
	if err != nil {
		return nil, err
	}
	results, err := measure.Rounds(r.ctx, min(r.Rounds, slowRounds), candidates)
	if err != nil {
		return nil, err
	}
	var vault measure.Result // of the same number of secrets: it comes first
	for i, row := range rows {
		peak, private := row, row
		peak.Figure, private.Figure, private.What = results[i].Of(0), results[i].Of(1), row.What+", private"
		switch {
		case row.What == peers.Local().Name:
			vault = results[i]
			if row.Secrets == slices.Max(r.Sizes) {
				peak.Goal = FigureAtMost(64<<20, "under 64 MiB")
			}
		case row.What != noStoreName:
			peak.Against, peak.Ratio = "myVault", peak.Figure.Over(vault.Of(0))
			private.Against, private.Ratio = "myVault, private", private.Figure.Over(vault.Of(1))
		}
		reads := Row{What: row.What + ", number of reads", Secrets: row.Secrets, Unit: plain, Figure: results[i].Of(2)}
		t.Rows = append(t.Rows, peak, private, reads)
	}
	return []Table{t}, nil
}

// processes returns the child processes to measure. For each number of secrets, myVault's is first.
func (r *run) processes() (candidates []measure.Candidate, rows []Row, err error) {
	add := func(name, engine, dir string, secrets int) {
		candidates = append(candidates, measure.Candidate{Name: name, Round: func() ([]float64, error) { return r.memoryRound(engine, dir, secrets) }})
		rows = append(rows, Row{What: name, Secrets: secrets, Unit: size})
	}
	add(noStoreName, noStore, "-", r.mainSize())
	for _, secrets := range r.Sizes {
		for _, e := range engines(secrets) {
			dir, err := r.filledStore(e, secrets)
			if err != nil {
				return nil, nil, err
			}
			add(e.Name, e.Name, dir, secrets)
		}
	}
	return candidates, rows, nil
}

const noStoreName = "the program alone"

// readTime limits how long a child reads: five seconds in a full run.
func (r *run) readTime() time.Duration { return 25 * r.Slice / 2 }

func (r *run) memoryRound(engine, dir string, secrets int) ([]float64, error) {
	line, end, err := r.child(jobRead, engine, dir, secrets, r.readTime())
	if err != nil {
		return nil, err
	}
	var peak, private, reads float64
	if _, err := fmt.Sscan(line, &peak, &private, &reads); err != nil {
		return nil, errors.Join(err, end())
	}
	return []float64{peak, private, reads}, end()
}

// resident returns the peak resident memory of this process and its current private memory, in
// bytes. Systems without /proc return errors.ErrUnsupported.
func resident() (peak, private float64, err error) {
	const status = "/proc/self/status"
	for name, to := range map[string]*float64{"VmHWM": &peak, "RssAnon": &private} {
		text, found := strings.CutSuffix(field(status, name), " kB")
		if !found {
			return 0, 0, errors.ErrUnsupported
		}
		if _, err := fmt.Sscan(text, to); err != nil {
			return 0, 0, err
		}
		*to *= 1024
	}
	return peak, private, nil
}
