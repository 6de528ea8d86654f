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

// serveVariable makes the test binary run as another process with the store open.
const serveVariable = "MYVAULT_LINEARIZABLE_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	if err := linearizable.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const checkTimeout = 20 * time.Second

// histories returns the number of histories to check: short, or more if MYVAULT_RELIABILITY=long.
func histories(short int) int {
	if os.Getenv("MYVAULT_RELIABILITY") == "long" {
		return 25 * short
	}
	return short
}

// checkHistories checks n histories of a plan, with seeds from 1 and new targets for each. If a
// check is undecided, it is repeated with half the calls.
func checkHistories(t *testing.T, n int, p linearizable.Plan, targets func(*testing.T) []linearizable.Target) {
	t.Helper()
	var all linearizable.Tally
	for seed := range n {
		p.Seed = uint64(seed + 1)
		var err error
		once := func(p linearizable.Plan) func(*testing.T) {
			return func(t *testing.T) {
				var tally linearizable.Tally
				tally, err = linearizable.Check(p, checkTimeout, targets(t)...)
				all.Add(tally)
			}
		}
		t.Run(fmt.Sprint("seed ", p.Seed), once(p))
		if errors.Is(err, linearizable.ErrUndecided) {
			smaller := p
			smaller.CallsPerClient /= 2
			t.Run(fmt.Sprint("seed ", p.Seed, " smaller"), once(smaller))
		}
		if err != nil {
			t.Error(err)
		}
	}
	t.Log(all)
	if all.NoEffect > all.Calls/2 {
		t.Error("most calls had no effect, so the test proves nothing")
	}
}

func openStore(t *testing.T, dir string, key crypto.Key) *sqlite.Store {
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

// startProcess starts a process that opens a store in dir and closes it when the test ends.
func startProcess(t *testing.T, dir string, key crypto.Key) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"=yes")
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
	checkHistories(t, histories(20), linearizable.Plan{Clients: 8, CallsPerClient: 100, Addresses: 3}, func(*testing.T) []linearizable.Target {
		return []linearizable.Target{linearizable.Local{Provider: memory.New(memory.Config{})}}
	})
}

func TestStore(t *testing.T) {
	checkHistories(t, histories(8), linearizable.Plan{Clients: 8, CallsPerClient: 80, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		return []linearizable.Target{linearizable.Local{Provider: openStore(t, t.TempDir(), crypto.NewKey())}}
	})
}

// TestTwoStores uses two stores of one process in the same directory.
func TestTwoStores(t *testing.T) {
	checkHistories(t, histories(8), linearizable.Plan{Clients: 8, CallsPerClient: 80, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		dir, key := t.TempDir(), crypto.NewKey()
		return []linearizable.Target{
			linearizable.Local{Provider: openStore(t, dir, key)}, linearizable.Local{Provider: openStore(t, dir, key)},
		}
	})
}

// TestProcesses uses the same directory in this process and in others, which close their stores at
// the end.
func TestProcesses(t *testing.T) {
	for _, others := range []int{1, 3} {
		t.Run(fmt.Sprint(others+1, " processes"), func(t *testing.T) {
			checkHistories(t, histories(4), linearizable.Plan{Clients: 8, CallsPerClient: 60, Addresses: 3}, func(t *testing.T) []linearizable.Target {
				dir, key := t.TempDir(), crypto.NewKey()
				targets := []linearizable.Target{linearizable.Local{Provider: openStore(t, dir, key)}}
				for range others {
					targets = append(targets, startProcess(t, dir, key))
				}
				return targets
			})
		})
	}
}

// TestKilledProcesses kills processes while they work. Calls that they had not answered may or may
// not have taken effect. The other processes continue.
func TestKilledProcesses(t *testing.T) {
	checkHistories(t, histories(6), linearizable.Plan{Clients: 9, CallsPerClient: 60, Addresses: 3}, func(t *testing.T) []linearizable.Target {
		dir, key := t.TempDir(), crypto.NewKey()
		first, second := startProcess(t, dir, key), startProcess(t, dir, key)
		first.killAt, second.killAt = 50, 120
		return []linearizable.Target{linearizable.Local{Provider: openStore(t, dir, key)}, first, second}
	})
}

// process is a target that is killed at a given call.
type process struct {
	*linearizable.Process
	killAt int64 // number of the call; 0: never
	calls  atomic.Int64
	killed atomic.Bool
}

func (p *process) Do(c linearizable.Call) linearizable.Answer {
	if p.calls.Add(1) == p.killAt {
		p.killed.Store(true)
		go p.Kill()
	}
	return p.Process.Do(c)
}
