package themes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// memoryTables ask child processes that open a store and read from all over it.
func memoryTables(r *run) ([]Table, error) {
	t := Table{Title: "Memory", Note: fmt.Sprintf("The most memory that a process had (VmHWM) which opens the store with default settings and reads from all over it, 100,000 times or for %v, "+
		"and what of it was its own at the end (RssAnon). The program by itself is all of this comparison, with every store linked.", r.reading())}
	if _, _, err := resident(); errors.Is(err, errors.ErrUnsupported) {
		t.Note += " It is measured on Linux only."
		return []Table{t}, nil
	}
	contestants, rows, err := r.processes()
	if err != nil {
		return nil, err
	}
	results, err := measure.Rounds(r.ctx, min(r.Rounds, slowRounds), contestants)
	if err != nil {
		return nil, err
	}
	var vault measure.Result // with as many secrets: it comes first
	for i, row := range rows {
		peak, own := row, row
		peak.Figure, own.Figure, own.What = results[i].Of(0), results[i].Of(1), row.What+", its own"
		switch {
		case row.What == peers.Local().Name:
			vault = results[i]
			if row.Secrets == slices.Max(r.Sizes) {
				peak.Reach = FigureAtMost(64<<20, "under 64 MiB")
			}
		case row.What != itself:
			peak.Against, peak.Ratio = "myVault", peak.Figure.Over(vault.Of(0))
			own.Against, own.Ratio = "myVault, its own", own.Figure.Over(vault.Of(1))
		}
		reads := Row{What: row.What + ", reads made", Secrets: row.Secrets, Unit: plain, Figure: results[i].Of(2)}
		t.Rows = append(t.Rows, peak, own, reads)
	}
	return []Table{t}, nil
}

// processes gives the child processes to ask: for each number of secrets myVault's first.
func (r *run) processes() (contestants []measure.Contestant, rows []Row, err error) {
	add := func(name, engine, dir string, secrets int) {
		contestants = append(contestants, measure.Contestant{Name: name, Round: func() ([]float64, error) { return r.memoryRound(engine, dir, secrets) }})
		rows = append(rows, Row{What: name, Secrets: secrets, Unit: size})
	}
	add(itself, noStore, "-", r.main())
	for _, secrets := range r.Sizes {
		for _, e := range engines(secrets) {
			dir, err := r.filled(e, secrets)
			if err != nil {
				return nil, nil, err
			}
			add(e.Name, e.Name, dir, secrets)
		}
	}
	return contestants, rows, nil
}

const itself = "the program by itself"

// reading is how long a process reads at most: five seconds in a full run.
func (r *run) reading() time.Duration { return 25 * r.Slice / 2 }

func (r *run) memoryRound(engine, dir string, secrets int) ([]float64, error) {
	line, end, err := r.child(jobRead, engine, dir, secrets, r.reading())
	if err != nil {
		return nil, err
	}
	var peak, own, reads float64
	if _, err := fmt.Sscan(line, &peak, &own, &reads); err != nil {
		return nil, errors.Join(err, end())
	}
	return []float64{peak, own, reads}, end()
}

// resident gives the most memory that this process had, and what of the present is its own,
// in bytes. errors.ErrUnsupported where the system does not tell.
func resident() (peak, own float64, err error) {
	const status = "/proc/self/status"
	for name, to := range map[string]*float64{"VmHWM": &peak, "RssAnon": &own} {
		text, found := strings.CutSuffix(field(status, name), " kB")
		if !found {
			return 0, 0, errors.ErrUnsupported
		}
		if _, err := fmt.Sscan(text, to); err != nil {
			return 0, 0, err
		}
		*to *= 1024
	}
	return peak, own, nil
}
