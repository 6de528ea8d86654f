package scenarios

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
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
	watchers     = 1000
	changesAtOne = 100 * time.Millisecond // between two changes beside readers
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
	handler, err := httpapi.New(vaults.Vault(myvault.Strict), httpapi.Config{MaxWatches: 4 * watchers})
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
	b := &watchBench{run: r, server: s, readers: readers, other: other}
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
)

// watchBench is a server with readers, and another process that makes changes.
type watchBench struct {
	*run
	server  server
	readers []*client
	other   *echo
}

func (b *watchBench) table(results []measure.Result) Table {
	t := Table{Title: "Watching", Note: "`GET /api/watch` as server-sent events over SQLite, with 1,000 connections and readers on 64 others, all in one process with the clients. " +
		"Memory is heap and stacks of a connection with both its ends. The changes are made by another process: the time is from its acknowledged commit until a client, or all of 1,000, have read the event."}
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
	first := row("from the commit to the event of one watch", seconds, results[4].Of(0))
	first.Goal = FigureAtMost(0.05, "within 50 ms")
	return Table{Title: t.Title, Note: t.Note, Rows: append(t.Rows, row("an idle connection", size, results[3].Of(0)), watch,
		first, row("from the commit to the last event of 1,000 watches", seconds, results[4].Of(1)))}
}

// readersRound measures the readers beside n watches, perhaps while another process makes changes.
func (b *watchBench) readersRound(n int, changing bool) func() ([]float64, error) {
	return func() (_ []float64, err error) {
		var open closers
		defer func() { err = errors.Join(err, open.close()) }()
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
					time.Sleep(changesAtOne)
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
	before := inUse()
	clients := make([]*client, watchers)
	for i := range clients {
		if clients[i], err = dial(b.server.addr, "/health", nil); err != nil {
			return nil, err
		}
		open = append(open, clients[i])
		if err := clients[i].get(io.Discard); err != nil {
			return nil, err
		}
	}
	idle := inUse()
	clients = nil
	if err := open.close(); err != nil {
		return nil, err
	}
	if _, err := b.watch(watchers, &open); err != nil {
		return nil, err
	}
	watching := inUse()
	return []float64{max(1, idle-before) / watchers, max(1, watching-before) / watchers}, nil
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
	one, err := b.watch(1, &open)
	if err != nil {
		return nil, err
	}
	single, err := b.timeOfEvent(one)
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
	last, err := b.timeOfEvent(many)
	return []float64{single.Seconds(), last.Seconds()}, err
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

// watch opens n watches that have read their first bookmark.
func (b *watchBench) watch(n int, open *closers) ([]*watchClient, error) {
	all := make([]*watchClient, n)
	for i := range all {
		conn, err := net.Dial("tcp", b.server.addr)
		if err != nil {
			return nil, err
		}
		*open = append(*open, conn)
		var request strings.Builder
		fmt.Fprintf(&request, "GET /api/watch HTTP/1.1\r\nHost: %s\r\n", b.server.addr)
		for name, value := range identity() {
			fmt.Fprintf(&request, "%s: %s\r\n", name, value)
		}
		if _, err := io.WriteString(conn, request.String()+"\r\n"); err != nil {
			return nil, err
		}
		all[i] = &watchClient{conn: conn}
		if err := all[i].readEvent("bookmark"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// watchClient is the client's end of a watch. It keeps no buffer between events.
type watchClient struct{ conn net.Conn }

// readEvent reads until an event of that kind.
func (w *watchClient) readEvent(kind string) error {
	var read []byte
	for buffer := make([]byte, 1024); ; {
		n, err := w.conn.Read(buffer)
		read = append(read, buffer[:n]...)
		if at := bytes.Index(read, []byte("event: "+kind+"\n")); at >= 0 && bytes.Contains(read[at:], []byte("\n\n")) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the stream ended: %w: %.200s", err, read)
		}
	}
}

// echo is a child process that makes changes.
type echo struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startEcho starts a child process that makes a change of the store in dir for each line.
func (r *run) startEcho(dir string) (*echo, error) {
	args := append(r.Program[1:len(r.Program):len(r.Program)], jobEcho, peers.Local().Name, dir, fmt.Sprint(r.mainSize()), "0s")
	e := &echo{cmd: exec.Command(r.Program[0], args...)}
	var err error
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := e.out.ReadString('\n'); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// change makes a change, and returns when it was committed.
func (e *echo) change() (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := fmt.Fprintln(e.in); err != nil {
		return time.Time{}, err
	}
	var at int64
	if _, err := fmt.Fscan(e.out, &at); err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, at), nil
}

func (e *echo) Close() error { return errors.Join(e.in.Close(), e.cmd.Wait()) }
