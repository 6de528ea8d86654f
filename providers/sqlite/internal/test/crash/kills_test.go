package crash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestMain(m *testing.M) {
	storetest.Main(m, map[string]func(*sqlite.Store) error{"churn": churn})
}

// churn opens and closes a store of the same directory in a loop. In between it writes, records
// and destroys, so that a kill can hit any of these and the checkpoints. It prints what was
// acknowledged.
func churn(s *sqlite.Store) error {
	dir, key, err := churned()
	err = errors.Join(err, s.Close()) // so that the last Close checkpoints the log
	for n := 0; err == nil; n++ {
		var again *sqlite.Store
		again, err = sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
		if err != nil {
			break
		}
		for i := range 1 + rand.IntN(6) {
			value := fmt.Sprintf("%d-%d-%d", os.Getpid(), n, i)
			var infos []myvault.Info
			if infos, err = storetest.Apply(again, storetest.Put("p/shared", value)); err != nil {
				break
			}
			fmt.Println("put", infos[0].Version, value)
			if err = again.Record(context.Background(), myvault.Entry{Action: "read", Address: storetest.Addr("p/shared"), Request: value}); err != nil {
				break
			}
			fmt.Println("record", 0, value)
		}
		own := fmt.Sprint("p/own", os.Getpid())
		if err == nil && n%3 == 0 {
			_, err = storetest.Apply(again, storetest.Put(own, "x"), storetest.On(myvault.OpDestroy, own))
			if errors.Is(err, myvault.ErrUnknownOutcome) {
				err = nil // a killed process may delay the removal of old bytes
			}
		}
		err = errors.Join(err, again.Close())
	}
	return err
}

// churned reads the directory and the key a second time.
func churned() (string, crypto.Key, error) {
	var text, dir string
	if _, err := fmt.Scanln(&text, &dir); err != nil {
		return "", crypto.Key{}, err
	}
	key, err := crypto.ParseKey(text)
	return dir, key, err
}

// churner is a process that runs churn, and the results it has printed.
type churner struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	mu     sync.Mutex
	puts   map[string]myvault.Version
	record map[string]bool
	errors []string
	last   time.Time
	gap    time.Duration // the longest time without an acknowledgement
}

func startChurner(t *testing.T, dir string, key crypto.Key) *churner {
	t.Helper()
	line := key.Text() + " " + dir + "\n"
	cmd := storetest.Job(t, "churn")
	cmd.Stdin = strings.NewReader(line + line)
	out, err := cmd.StdoutPipe()
	storetest.Must(t, err)
	storetest.Must(t, cmd.Start())
	c := &churner{cmd: cmd, ended: make(chan struct{}), puts: map[string]myvault.Version{}, record: map[string]bool{}, last: time.Now()}
	go c.listen(out)
	t.Cleanup(c.kill)
	return c
}

func (c *churner) listen(out io.Reader) {
	defer close(c.ended)
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // a truncated line was not acknowledged
		}
		f := strings.Fields(line)
		c.mu.Lock()
		switch {
		case len(f) == 3 && f[0] == "put":
			version, _ := strconv.ParseUint(f[1], 10, 64)
			c.puts[f[2]] = myvault.Version(version)
		case len(f) == 3 && f[0] == "record":
			c.record[f[2]] = true
		default:
			c.errors = append(c.errors, line)
		}
		c.gap = max(c.gap, time.Since(c.last))
		c.last = time.Now()
		c.mu.Unlock()
	}
}

func (c *churner) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	_ = c.cmd.Wait()
}

// acknowledgements returns how many puts were acknowledged so far.
func (c *churner) acknowledgements() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.puts)
}

// TestKilledProcessesLoseNothing checks that processes killed at any moment lose and duplicate
// nothing, and do not block the others.
func TestKilledProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	kills := 12
	if storetest.LongPass() {
		kills = 400
	}
	for _, processes := range []int{2, 4} {
		t.Run(fmt.Sprint(processes, " processes"), func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			random := rand.New(rand.NewPCG(uint64(processes), 10))
			var running, all []*churner
			for range processes {
				running = append(running, startChurner(t, dir, key))
			}
			all = append(all, running...)
			for range kills {
				time.Sleep(time.Duration(50+random.IntN(100)) * time.Millisecond)
				i := random.IntN(processes)
				running[i].kill()
				running[i] = startChurner(t, dir, key)
				all = append(all, running[i])
			}
			for _, c := range running { // the others continue
				before := c.acknowledgements()
				for end := time.Now().Add(30 * time.Second); c.acknowledgements() == before; time.Sleep(time.Millisecond) {
					is.True(time.Now().Before(end))
				}
			}
			for _, c := range running {
				c.kill()
			}
			checkAll(t, dir, key, all)
		})
	}
}

// checkAll checks that everything acknowledged is there exactly once.
func checkAll(t *testing.T, dir string, key crypto.Key, all []*churner) {
	t.Helper()
	is := is.New(t)
	s := storetest.Open(t, dir, key)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	there := map[string]myvault.Version{}
	newest, err := s.Get(t.Context(), storetest.Addr("p/shared"), 0)
	is.NoErr(err)
	for v := range newest.Version {
		secret, err := s.Get(t.Context(), storetest.Addr("p/shared"), v+1)
		is.NoErr(err)
		is.Equal(there[secret.Value.Reveal()], myvault.Version(0)) // duplicate
		there[secret.Value.Reveal()] = v + 1
	}
	recorded := map[string]int{}
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		if e.Action == "read" {
			recorded[e.Request]++
		}
	}
	puts, records, gap := 0, 0, time.Duration(0)
	for _, c := range all {
		is.Equal(c.errors, nil)
		for value, version := range c.puts {
			is.Equal(there[value], version) // lost
		}
		for value := range c.record {
			is.Equal(recorded[value], 1)
		}
		puts, records, gap = puts+len(c.puts), records+len(c.record), max(gap, c.gap)
	}
	t.Logf("%d processes started, %d puts and %d entries acknowledged and present; %v; longest time without an answer %v",
		len(all), puts, records, report, gap.Round(time.Millisecond))
}

// TestKilledWhileCreating checks that a process killed while creating a store leaves none, or one
// that opens.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	rounds := 15
	if storetest.LongPass() {
		rounds = 300
	}
	made := 0
	for n := range rounds {
		dir, key := filepath.Join(t.TempDir(), "new"), crypto.NewKey()
		c := startChurner(t, dir, key)
		for end := time.Now().Add(10 * time.Second); ; { // until it has started
			if _, err := os.Stat(dir); err == nil || time.Now().After(end) {
				break
			}
		}
		time.Sleep(time.Duration(n%15*4) * time.Millisecond)
		c.kill()
		if _, err := os.Stat(filepath.Join(dir, "vault.db")); err == nil {
			made++
		}
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{Trail: storetest.KeepEntries})
		is.NoErr(err)
		for value, version := range c.puts {
			secret, err := s.Get(t.Context(), storetest.Addr("p/shared"), version)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), value)
		}
		_, err = storetest.Apply(s, storetest.Put("p/after", "x"))
		is.NoErr(err)
		_, err = s.Verify(t.Context())
		is.NoErr(err)
		is.NoErr(s.Close())
	}
	t.Logf("%d killed, %d of them after vault.db was created", rounds, made)
}

// acknowledged are the results that killed processes have printed so far.
type acknowledged struct {
	versions map[string]uint64
	records  int
}

// read reads lines and calls kill after enough of them. Lines printed before the process died are
// still in the pipe.
func (a *acknowledged) read(t *testing.T, out io.Reader, enough int, kill func()) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == enough {
			kill()
		}
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 3 && fields[0] == "put":
			version, err := strconv.ParseUint(fields[2], 10, 64)
			if err != nil {
				continue // truncated by the end of the process
			}
			a.versions[fields[1]] = max(a.versions[fields[1]], version)
		case len(fields) == 1 && fields[0] == "record":
			a.records++
		case len(fields) > 0 && fields[0] == "error":
			t.Error(lines.Text())
		}
	}
}

// TestKilledWhileWriting checks that a process killed while writing lost nothing that it
// acknowledged.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	seen := acknowledged{versions: map[string]uint64{}}
	for round := range 5 {
		cmd, out := storetest.Process(t, "write", dir, key)
		seen.read(t, out, 100+37*round, func() { _ = cmd.Process.Kill() })
		is.True(cmd.Wait() != nil) // it was killed

		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.NoErr(err)
		is.Equal(len(seen.versions), 6)
		for where, version := range seen.versions {
			secret, err := s.Get(t.Context(), storetest.Addr(where), myvault.Version(version))
			is.NoErr(err) // an acknowledged version
			is.Equal(secret.Value.Reveal(), strings.Repeat(where, 50))
		}
		report, err := s.Verify(t.Context())
		is.NoErr(err)
		is.True(report.Accesses >= uint64(seen.records)) // every acknowledged entry
		is.NoErr(s.Close())
	}
	t.Logf("%d records acknowledged, versions %v", seen.records, seen.versions)
}
