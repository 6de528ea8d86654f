package scenarios

import (
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const (
	watchers       = 1000
	changeInterval = 100 * time.Millisecond // between two changes beside readers
	changesOfOne   = 20                     // whose slowest event is measured, with one watch
	changesOfAll   = 5                      // the same, with all watches
	maxPhase       = 20 * time.Millisecond  // before each: the store looks for changes every 20 ms
)

// watchTables measure 1,000 watches over HTTP: their memory, the readers beside them, and the time
// from a commit of another process to the event.
func watchTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	dir, err := r.filledStore(peers.Local(), r.mainSize())
	if err != nil {
		return nil, err
	}
	vaults, err := peers.OpenVaults(dir)
	if err != nil {
		return nil, err
	}
	open = append(open, vaults)
	handler, err := httpapi.New(vaults.Vault(myvault.ReadsStrict), httpapi.Config{MaxWatches: 4 * watchers})
	if err != nil {
		return nil, err
	}
	s, err := serveAPIWith("myVault", handler, serve.Config{Grace: time.Second, MaxConnections: 4 * watchers}, &open)
	if err != nil {
		return nil, err
	}
	readers, err := s.connect(&open)
	if err != nil {
		return nil, err
	}
	other, err := r.startEcho(dir)
	if err != nil {
		return nil, err
	}
	open = append(open, other)
	b := &watchBench{run: r, server: s, readers: readers, other: other, idle: runtime.NumGoroutine()}
	results, err := measure.Rounds(r.ctx, min(r.Rounds, slowRounds), []measure.Candidate{
		{Name: readersAlone, Round: b.readersRound(0, false)},
		{Name: readersBeside, Round: b.readersRound(watchers, false)},
		{Name: readersBesideChanges, Round: b.readersRound(watchers, true)},
		{Name: "memory", Round: b.memoryRound},
		{Name: "events", Round: b.eventsRound},
	})
	if err != nil {
		return nil, err
	}
	return []Table{b.table(results)}, nil
}

const (
	readersAlone         = "64 readers, p99"
	readersBeside        = "64 readers beside 1,000 watches, p99"
	readersBesideChanges = "64 readers beside 1,000 watches of 10 changes a second, p99"
	eventOfOne           = "from the commit to the event of one watch, slowest of 20"
	eventOfAll           = "from the commit to the last event of 1,000 watches, slowest of 5"
)

// watchBench is a server with readers, and another process that makes changes.
type watchBench struct {
	*run
	server  server
	readers []*client
	other   *echo
	idle    int // goroutines while there is no watch
}

func (b *watchBench) table(results []measure.Result) Table {
	t := Table{Title: "Watching", Note: "`GET /api/watch` as server-sent events over SQLite, with 1,000 connections and readers on 64 others, all in one process with the clients. " +
		"Beside the readers, no client reads its events. Memory is heap and stacks of a connection with both its ends, without the kernel's buffers. " +
		"The changes are made by another process: the time is from its acknowledged commit until a client, or all of 1,000, have read the event."}
	row := func(what string, unit Unit, s measure.Samples) Row {
		return Row{What: what, Secrets: b.mainSize(), Unit: unit, Figure: s}
	}
	alone := results[0].Of(0)
	t.Rows = append(t.Rows, row(readersAlone, seconds, alone))
	for _, result := range results[1:3] {
		beside := row(result.Name, seconds, result.Of(0))
		beside.Against, beside.Ratio = readersAlone, result.Of(0).Over(alone)
		t.Rows = append(t.Rows, beside)
	}
	watch := row("a watch", size, results[3].Of(1))
	watch.Against, watch.Ratio = "an idle connection", results[3].Of(1).Over(results[3].Of(0))
	first := row(eventOfOne, seconds, results[4].Of(0))
	first.Goal = FigureAtMost(0.05, "within 50 ms")
	return Table{Title: t.Title, Note: t.Note, Rows: append(t.Rows, row("an idle connection", size, results[3].Of(0)), watch,
		first, row(eventOfAll, seconds, results[4].Of(1)))}
}

// readersRound measures the readers beside n watches, perhaps while another process makes changes.
func (b *watchBench) readersRound(n int, changing bool) func() ([]float64, error) {
	return func() (_ []float64, err error) {
		var open closers
		defer func() { err = errors.Join(err, open.close()) }()
		if err := b.rest(); err != nil {
			return nil, err
		}
		if _, err := b.watch(n, &open); err != nil {
			return nil, err
		}
		var over atomic.Bool
		var changes sync.WaitGroup
		var changed error
		if changing {
			changes.Go(func() {
				for !over.Load() && changed == nil {
					_, changed = b.other.change()
					time.Sleep(changeInterval)
				}
			})
		}
		figures, err := measure.LatenciesOf(b.Slice, connections, func(caller, _ int) error { return b.readers[caller].get(io.Discard) }, 0.99)
		over.Store(true)
		changes.Wait()
		return figures, errors.Join(err, changed)
	}
}

// memoryRound returns the memory of an idle connection and of a watch.
func (b *watchBench) memoryRound() (_ []float64, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	if err := b.rest(); err != nil {
		return nil, err
	}
	beforeIdle := inUse()
	for range watchers {
		conn, err := b.send("/health", &open)
		if err != nil {
			return nil, err
		}
		if err := conn.readUntil("\r\n\r\n"); err != nil {
			return nil, err
		}
	}
	idle := inUse()
	if err := errors.Join(open.close(), b.rest()); err != nil {
		return nil, err
	}
	beforeWatches := inUse()
	if _, err := b.watch(watchers, &open); err != nil {
		return nil, err
	}
	watching := inUse()
	return []float64{max(1, idle-beforeIdle) / watchers, max(1, watching-beforeWatches) / watchers}, nil
}

// rest waits until the server has closed the connections of the last round.
func (b *watchBench) rest() error {
	const slack = 16 // goroutines that come and go
	for range 1000 {
		if runtime.NumGoroutine() <= b.idle+slack {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("connections of the last round stay open")
}

// inUse returns the memory that is in use after a garbage collection.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // frees what finalizers kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// eventsRound returns the time from a commit to the event of one watch, and to that of the last of
// all watches.
func (b *watchBench) eventsRound() (_ []float64, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	if err := b.rest(); err != nil {
		return nil, err
	}
	one, err := b.watch(1, &open)
	if err != nil {
		return nil, err
	}
	single, err := b.slowestEvent(changesOfOne, one)
	if err != nil {
		return nil, err
	}
	if err := open.close(); err != nil {
		return nil, err
	}
	many, err := b.watch(watchers, &open)
	if err != nil {
		return nil, err
	}
	last, err := b.slowestEvent(changesOfAll, many)
	return []float64{single.Seconds(), last.Seconds()}, err
}

// slowestEvent returns the longest time of n events, at random times between two looks of the
// store.
func (b *watchBench) slowestEvent(n int, all []*watchClient) (slowest time.Duration, err error) {
	for range n {
		time.Sleep(rand.N(maxPhase))
		took, err := b.timeOfEvent(all)
		if err != nil {
			return 0, err
		}
		slowest = max(slowest, took)
	}
	return slowest, nil
}

// timeOfEvent makes a change, and returns the time until all watches have its event.
func (b *watchBench) timeOfEvent(all []*watchClient) (time.Duration, error) {
	ended := make([]time.Time, len(all))
	errs := make([]error, len(all))
	var reading sync.WaitGroup
	for i, w := range all {
		reading.Go(func() {
			errs[i] = w.readEvent("change")
			ended[i] = time.Now()
		})
	}
	committed, err := b.other.change()
	reading.Wait()
	var last time.Duration
	for _, at := range ended {
		last = max(last, at.Sub(committed), time.Microsecond) // it may come before the acknowledgment
	}
	return last, errors.Join(append(errs, err)...)
}
