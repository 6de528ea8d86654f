package scenarios

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

// bareEngine returns the name of SQLite alone with batches of the given size.
func bareEngine(batch int) string {
	return fmt.Sprintf("SQLite alone, sync off, batches of %d", batch)
}

// callers are the numbers of concurrent writers.
var callers = []int{1, 64, 256}

// writer is a candidate of this scenario. op returns the operation for a number of callers.
type writer struct {
	name    string
	op      func(callers int) measure.Op
	callers []int
	scale   float64 // changes per op
}

// writeTables compare changes that are synced to the disk before they return.
func writeTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	writers, err := r.writers(&open)
	if err != nil {
		return nil, err
	}
	candidates := make([]measure.Candidate, len(writers))
	for i, w := range writers {
		candidates[i] = measure.Candidate{Name: w.name, Round: func() ([]float64, error) { return r.writeRound(w) }}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Writing", Note: fmt.Sprintf("A new value of 64 bytes for one of %s secrets, synced to the disk before the call returns. "+
		"setec is measured with one caller, because each change writes the whole file. SQLite alone writes the two tables of the local store, one transaction per batch, and never waits for the disk: it shows the limit of the engine.", number(r.mainSize()))}
	for i, w := range writers {
		for figure := range w.callers {
			t.Rows = append(t.Rows, r.writeRows(results, i, figure, w)...)
		}
	}
	return []Table{t}, nil
}

func (r *run) writeRound(w writer) ([]float64, error) {
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

// writeRows returns the row of one candidate and number of callers. For myVault it returns several,
// each with another ratio.
func (r *run) writeRows(results []measure.Result, at, figure int, w writer) []Row {
	rates := results[at].Of(figure)
	row := Row{What: w.name, Secrets: r.mainSize(), Unit: perSecond, Figure: rates}
	if n := w.callers[figure]; len(w.callers) > 1 {
		row.What = fmt.Sprintf("%s, %s", w.name, plural(n, "caller"))
	}
	against := func(name string, other measure.Samples, goal Goal) Row {
		row := row
		row.Against, row.Ratio, row.Goal = name, rates.Over(other), goal
		return row
	}
	if w.name == rawDisk {
		return []Row{row}
	}
	disk := against("append + fdatasync", results[0].Of(0), Goal{})
	if w.name != "myVault" {
		return []Row{disk}
	}
	if figure == 0 {
		disk.Goal = RatioAtLeast(0.8, "at least 0.8x the disk")
		return []Row{disk}
	}
	n := w.callers[figure]
	gain := map[int]float64{64: 20, 256: 50}[n]
	group := fmt.Sprint(n)
	rows := []Row{disk, against("one caller", results[at].Of(0), RatioAtLeast(gain, fmt.Sprintf("at least %.0fx one caller", gain)).OneOf(group))}
	for _, other := range results {
		if other.Name == bareEngine(n) {
			rows = append(rows, against(other.Name, other.Of(0), RatioAtLeast(0.5, "or at least 0.5x the engine").OneOf(group)))
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

// writers opens the candidates of this scenario, the disk first.
func (r *run) writers(open *closers) ([]writer, error) {
	writers, err := r.disks(open)
	if err != nil {
		return nil, err
	}
	all := peers.Names(r.mainSize())
	for _, e := range engines(len(all)) {
		dir, err := r.newStore(e, len(all))
		if err != nil {
			return nil, err
		}
		w, err := writeTo(e.Name, e, dir, all, open)
		if err != nil {
			return nil, err
		}
		writers = append(writers, w)
	}
	w, found, err := r.writeInMemory(all, open)
	if err != nil {
		return nil, err
	}
	if found {
		writers = append(writers, w)
	}
	for _, batch := range callers[1:] {
		dir, err := r.tempDir()
		if err != nil {
			return nil, err
		}
		bare, err := peers.NewBareSQLite(dir, all, batch)
		if err != nil {
			return nil, err
		}
		*open = append(*open, bare)
		writers = append(writers, writer{bareEngine(batch), single(bare.Write), callers[:1], float64(batch)})
	}
	return writers, nil
}

// single returns an op for one caller.
func single(f func() error) func(int) measure.Op {
	return func(int) measure.Op { return func(_, _ int) error { return f() } }
}

func (r *run) disks(open *closers) ([]writer, error) {
	dir, err := r.tempDir()
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
	return []writer{{rawDisk, single(appending.Write), callers[:1], 1}, {overwriting, single(over.Write), callers[:1], 1}}, nil
}

// writeTo opens a store for writing. If the store has a method Callers, op sets the number of
// callers.
func writeTo(name string, e peers.Engine, dir string, all []peers.Secret, open *closers) (writer, error) {
	p, err := e.Open(dir, callers[len(callers)-1])
	if err != nil {
		return writer{}, err
	}
	*open = append(*open, p)
	w := writer{name: name, callers: callers, scale: 1}
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

// sharedMemory is a file system in memory on Linux. Syncing to it is free, so only the cost of the
// program remains.
const sharedMemory = "/dev/shm"

// writeInMemory returns myVault on a file system in memory. found is false if there is none.
func (r *run) writeInMemory(all []peers.Secret, open *closers) (w writer, found bool, err error) {
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

// removal is a directory that Close removes.
type removal string

func (dir removal) Close() error { return os.RemoveAll(string(dir)) }
