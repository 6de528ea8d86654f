package themes

import (
	"errors"
	"fmt"
	"os"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const (
	rawDisk     = "the disk: append + fdatasync"
	overwriting = "the disk: overwrite + fdatasync"
	noDisk      = "myVault, on a file system in memory"
)

// bareEngine names the engine alone at a size of batches.
func bareEngine(batch int) string {
	return fmt.Sprintf("SQLite alone, sync off, batches of %d", batch)
}

// callers are how many write at a time.
var callers = []int{1, 64, 256}

// write is a contestant of this theme: its op for as many callers as are given.
type write struct {
	name    string
	op      func(callers int) measure.Op
	callers []int
	scale   float64 // changes in one op
}

// writeTables compare changes that are on the disk before they are acknowledged.
func writeTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	writes, err := r.writes(&open)
	if err != nil {
		return nil, err
	}
	contestants := make([]measure.Contestant, len(writes))
	for i, w := range writes {
		contestants[i] = measure.Contestant{Name: w.name, Round: func() ([]float64, error) { return r.writeRound(w) }}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, contestants)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Changing", Note: fmt.Sprintf("A new value of 64 bytes for one of %s secrets, on the disk before the caller goes on. "+
		"setec's file is written by one caller at a time. SQLite alone makes the two tables of the local store in one transaction per batch and never waits for the disk: what the engine can do.", number(r.main()))}
	for i, w := range writes {
		for figure := range w.callers {
			t.Rows = append(t.Rows, r.writeRows(results, i, figure, w)...)
		}
	}
	return []Table{t}, nil
}

func (r *run) writeRound(w write) ([]float64, error) {
	var rates []float64
	for _, n := range w.callers {
		rate, err := measure.PerSecond(r.Slice, n, w.op(n))
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate*w.scale)
	}
	return rates, nil
}

// writeRows gives the row of one contestant and number of callers; of myVault several, each
// against something else.
func (r *run) writeRows(results []measure.Result, at, figure int, w write) []Row {
	rates := results[at].Of(figure)
	row := Row{What: w.name, Secrets: r.main(), Unit: perSecond, Figure: rates}
	if n := w.callers[figure]; len(w.callers) > 1 {
		row.What = fmt.Sprintf("%s, %s", w.name, plural(n, "caller"))
	}
	against := func(name string, other measure.Samples, reach Reach) Row {
		row := row
		row.Against, row.Ratio, row.Reach = name, rates.Over(other), reach
		return row
	}
	if w.name == rawDisk {
		return []Row{row}
	}
	disk := against("append + fdatasync", results[0].Of(0), Reach{})
	if w.name != "myVault" {
		return []Row{disk}
	}
	if figure == 0 {
		disk.Reach = RatioAtLeast(0.8, "at least 0.8x the disk")
		return []Row{disk}
	}
	n := w.callers[figure]
	times := map[int]float64{64: 20, 256: 50}[n]
	either := fmt.Sprint(n)
	rows := []Row{disk, against("one caller", results[at].Of(0), RatioAtLeast(times, fmt.Sprintf("at least %.0fx one caller", times)).OrElse(either))}
	for _, other := range results {
		if other.Name == bareEngine(n) {
			rows = append(rows, against(other.Name, other.Of(0), RatioAtLeast(0.5, "or at least 0.5x the engine").OrElse(either)))
		}
	}
	return rows
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// writes opens everything that is written to, the disk first.
func (r *run) writes(open *closers) ([]write, error) {
	writes, err := r.disks(open)
	if err != nil {
		return nil, err
	}
	all := peers.Names(r.main())
	for _, e := range engines(len(all)) {
		dir, err := r.fresh(e, len(all))
		if err != nil {
			return nil, err
		}
		w, err := writeTo(e.Name, e, dir, all, open)
		if err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	w, found, err := r.writeInMemory(all, open)
	if err != nil {
		return nil, err
	}
	if found {
		writes = append(writes, w)
	}
	for _, batch := range callers[1:] {
		dir, err := r.temporary()
		if err != nil {
			return nil, err
		}
		bare, err := peers.NewBareSQLite(dir, all, batch)
		if err != nil {
			return nil, err
		}
		*open = append(*open, bare)
		writes = append(writes, write{bareEngine(batch), alone(bare.Write), callers[:1], float64(batch)})
	}
	return writes, nil
}

// alone is the op of one caller.
func alone(f func() error) func(int) measure.Op {
	return func(int) measure.Op { return func(_, _ int) error { return f() } }
}

func (r *run) disks(open *closers) ([]write, error) {
	dir, err := r.temporary()
	if err != nil {
		return nil, err
	}
	appending, err := peers.NewAppending(dir)
	if err != nil {
		return nil, err
	}
	*open = append(*open, appending)
	over, err := peers.NewOverwriting(dir)
	if err != nil {
		return nil, err
	}
	*open = append(*open, over)
	return []write{{rawDisk, alone(appending.Write), callers[:1], 1}, {overwriting, alone(over.Write), callers[:1], 1}}, nil
}

// writeTo opens a store for writing. One that wants to know how many write is told each time.
func writeTo(name string, e peers.Engine, dir string, all []peers.Secret, open *closers) (write, error) {
	p, err := e.Open(dir, callers[len(callers)-1])
	if err != nil {
		return write{}, err
	}
	*open = append(*open, p)
	w := write{name: name, callers: callers, scale: 1}
	if e.Name == peers.Setec().Name {
		w.callers = callers[:1]
	}
	w.op = func(n int) measure.Op {
		if c, ok := p.(interface{ Callers(int) }); ok {
			c.Callers(n)
		}
		return func(caller, i int) error {
			s := all[(caller*31+i*n)%len(all)]
			return p.Put(s, s.Value(i+1))
		}
	}
	return w, nil
}

// sharedMemory is where Linux has a file system in memory: there, waiting for the disk costs
// nothing, and all that remains is the program.
const sharedMemory = "/dev/shm"

// writeInMemory is myVault where there is no disk to wait for, if this machine has such a place.
func (r *run) writeInMemory(all []peers.Secret, open *closers) (w write, found bool, err error) {
	dir, err := os.MkdirTemp(sharedMemory, "myvault-bench-")
	if err != nil {
		return w, false, nil
	}
	*open = append(*open, removal(dir))
	if err := peers.Local().Fill(dir, all); err != nil {
		return w, false, err
	}
	w, err = writeTo(noDisk, peers.Local(), dir, all, open)
	return w, true, err
}

// removal removes a directory where others are closed.
type removal string

func (dir removal) Close() error { return os.RemoveAll(string(dir)) }
