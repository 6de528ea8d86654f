package linearizable_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tests/linearizable"
)

// The test binary runs itself as another process that has the store open.
const served = "MYVAULT_LINEARIZABLE_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(served) == "" {
		os.Exit(m.Run())
	}
	if err := linearizable.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// within is how long one check may take.
const within = 20 * time.Second

// histories is how many histories of each kind are made: MYVAULT_RELIABILITY=long asks for
// more.
func histories(short int) int {
	if os.Getenv("MYVAULT_RELIABILITY") == "long" {
		return 25 * short
	}
	return short
}

// hold makes n histories of a plan, with seeds from 1 on, each on targets of its own, and
// wants each to be linearizable. What is undecided is made once more at half the size.
func hold(t *testing.T, n int, p linearizable.Plan, targets func(*testing.T) []linearizable.Target) {
	t.Helper()
	var all linearizable.Tally
	for seed := range n {
		p.Seed = uint64(seed + 1)
		var err error
		once := func(p linearizable.Plan) func(*testing.T) {
			return func(t *testing.T) {
				var tally linearizable.Tally
				tally, err = linearizable.Check(p, within, targets(t)...)
				all.Add(tally)
			}
		}
		t.Run(fmt.Sprint("seed ", p.Seed), once(p))
		if errors.Is(err, linearizable.ErrUndecided) {
			smaller := p
			smaller.Each /= 2
			t.Run(fmt.Sprint("seed ", p.Seed, " smaller"), once(smaller))
		}
		if err != nil {
			t.Error(err)
		}
	}
	t.Log(all)
	if all.Nothing > all.Calls/2 {
		t.Error("most calls did nothing") // which proves nothing
	}
}

func store(t *testing.T, dir string, key crypto.Key) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// another starts a process on the directory, which closes its store when the test ends.
func another(t *testing.T, dir string, key crypto.Key) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), served+"=yes")
	started, err := linearizable.Start(cmd, dir, key)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Process: started}
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !p.killed.Load() {
			t.Error(err)
		}
	})
	return p
}

func TestMemory(t *testing.T) {
	hold(t, histories(20), linearizable.Plan{Clients: 8, Each: 100, Addresses: 3}, func(*testing.T) []linearizable.Target {
		return []linearizable.Target{linearizable.Local{Provider: memory.New(memory.Config{})}}
	})
}

// One store in one process.
func TestStore(t *testing.T) {
	hold(t, histories(8), linearizable.Plan{Clients: 8, Each: 80, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		return []linearizable.Target{linearizable.Local{Provider: store(t, t.TempDir(), crypto.NewKey())}}
	})
}

// Two stores of one process on one directory.
func TestTwoStores(t *testing.T) {
	hold(t, histories(8), linearizable.Plan{Clients: 8, Each: 80, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		dir, key := t.TempDir(), crypto.NewKey()
		return []linearizable.Target{
			linearizable.Local{Provider: store(t, dir, key)}, linearizable.Local{Provider: store(t, dir, key)},
		}
	})
}

// This process and others, which end by closing their store.
func TestProcesses(t *testing.T) {
	for _, others := range []int{1, 3} {
		t.Run(fmt.Sprint(others+1, " processes"), func(t *testing.T) {
			hold(t, histories(4), linearizable.Plan{Clients: 8, Each: 60, Addresses: 3}, func(t *testing.T) []linearizable.Target {
				dir, key := t.TempDir(), crypto.NewKey()
				targets := []linearizable.Target{linearizable.Local{Provider: store(t, dir, key)}}
				for range others {
					targets = append(targets, another(t, dir, key))
				}
				return targets
			})
		})
	}
}

// Processes that are killed in the middle of it: what they had not answered may have been
// done or not, and the others go on.
func TestKilledProcesses(t *testing.T) {
	hold(t, histories(6), linearizable.Plan{Clients: 9, Each: 60, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		dir, key := t.TempDir(), crypto.NewKey()
		first, second := another(t, dir, key), another(t, dir, key)
		first.kill, second.kill = 50, 120
		return []linearizable.Target{linearizable.Local{Provider: store(t, dir, key)}, first, second}
	})
}

// process is a target that is killed at one of its calls.
type process struct {
	*linearizable.Process
	kill   int64 // at which; 0: at none
	calls  atomic.Int64
	killed atomic.Bool
}

func (p *process) Do(c linearizable.Call) linearizable.Answer {
	if p.calls.Add(1) == p.kill {
		p.killed.Store(true)
		go p.Kill()
	}
	return p.Process.Do(c)
}
