package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

// The figures of a round.
const (
	afterClose = iota
	afterCrash
	replayed
)

// slowRounds limits the rounds of scenarios that start processes.
const slowRounds = 5

// openTables measure the time from opening to the first value, since some stores open lazily.
func openTables(r *run) ([]Table, error) {
	t := Table{Title: "Opening", Note: fmt.Sprintf("Time until a store is open and the first value read, with its files in the system's cache. "+
		"In the crash, a process was killed after 4,000 changes by 16 callers, or after the changes that it made in %v.", r.writeTime())}
	var candidates []measure.Candidate
	var rows []Row
	for _, secrets := range r.Sizes {
		for _, e := range engines(secrets) {
			dir, err := r.filledStore(e, secrets)
			if err != nil {
				return nil, err
			}
			candidates = append(candidates, measure.Candidate{Name: e.Name, Round: func() ([]float64, error) { return r.openRound(e, dir, secrets) }})
			rows = append(rows, Row{What: e.Name, Secrets: secrets})
		}
	}
	results, err := measure.Rounds(r.ctx, min(r.Rounds, slowRounds), candidates)
	if err != nil {
		return nil, err
	}
	var vault measure.Result // of the same number of secrets: it comes first
	for i, row := range rows {
		if row.What == peers.Local().Name {
			vault = results[i]
			t.Rows = append(t.Rows, r.openRows(row, vault, results[0])...)
			continue
		}
		for figure, what := range []string{", closed cleanly", ", after a crash"} {
			row := Row{What: row.What + what, Secrets: row.Secrets, Unit: seconds, Figure: results[i].Of(figure), Against: "myVault"}
			row.Ratio = row.Figure.Over(vault.Of(figure))
			t.Rows = append(t.Rows, row)
		}
	}
	return []Table{t}, nil
}

// openRows returns the rows of myVault for one number of secrets. For the largest number, they
// include the ratio to the smallest.
func (r *run) openRows(vault Row, result, fewest measure.Result) []Row {
	row := func(what string, unit Unit, figure int, goal Goal) Row {
		return Row{What: vault.What + ", " + what, Secrets: vault.Secrets, Unit: unit, Figure: result.Of(figure), Goal: goal}
	}
	rows := []Row{
		row("closed cleanly", seconds, afterClose, FigureAtMost(5e-3, "under 5 ms")),
		row("after a crash", seconds, afterCrash, FigureAtMost(50e-3, "under 50 ms")),
		row("write-ahead logs after the crash", size, replayed, Goal{}),
	}
	if vault.Secrets == r.Sizes[0] || vault.Secrets != slices.Max(r.Sizes) {
		return rows
	}
	for figure := range rows[:replayed] {
		grown := rows[figure]
		grown.Against, grown.Ratio = number(r.Sizes[0])+" secrets", grown.Figure.Over(fewest.Of(figure))
		grown.Goal = RatioAtMost(flat, flatGoal)
		rows = append(rows, grown)
	}
	return rows
}

// flat is the largest ratio, from the fewest secrets to the most, that counts as flat. It allows
// for a tree of pages that is one or two levels deeper.
const (
	flat     = 1.5
	flatGoal = "flat: at most 1.5x"
)

// writeTime limits how long a child changes secrets: one second in a full run.
func (r *run) writeTime() time.Duration { return 5 * r.Slice / 2 }

func (r *run) openRound(e peers.Engine, dir string, secrets int) ([]float64, error) {
	_, kill, err := r.child(jobWrite, e.Name, dir, secrets, r.writeTime())
	if err != nil {
		return nil, err
	}
	if err := kill(); err != nil {
		return nil, err
	}
	logs, err := logSize(dir)
	if err != nil {
		return nil, err
	}
	crashed, err := timeOpen(e, dir)
	if err != nil {
		return nil, fmt.Errorf("after a crash: %w", err)
	}
	closed, err := timeOpen(e, dir)
	return []float64{closed, crashed, logs}, err
}

// timeOpen times opening the store and reading the first secret, which is never changed.
func timeOpen(e peers.Engine, dir string) (float64, error) {
	first := peers.Name(0)
	begin := time.Now()
	p, err := e.Open(dir, 1)
	if err != nil {
		return 0, err
	}
	value, err := p.Get(first)
	took := time.Since(begin).Seconds()
	switch {
	case err != nil:
	case !bytes.Equal(value, first.Value(0)):
		err = fmt.Errorf("%s: wrong value", e.Name)
	}
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return took, err
}

// logSize returns the total size of SQLite's write-ahead logs.
func logSize(dir string) (float64, error) {
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, name := range logs {
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		sum += float64(info.Size())
	}
	return sum, nil
}
