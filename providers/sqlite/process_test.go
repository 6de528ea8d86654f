package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// jobs are run by the test binary when it starts itself as another process that uses a store.
var jobs = map[string]func(*sqlite.Store) error{
	"write": writeForever, "count": countUp, "talk": talk, "load": load, "churn": churn,
	"measure": measure,
}

const jobVariable = "MYVAULT_SQLITE_TEST_JOB"

func TestMain(m *testing.M) {
	job := jobs[os.Getenv(jobVariable)]
	if job == nil {
		os.Exit(m.Run())
	}
	if err := runJob(job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runJob reads the key and the directory from standard input, opens the store and runs the job.
func runJob(job func(*sqlite.Store) error) error {
	var text, dir string
	if _, err := fmt.Scanln(&text, &dir); err != nil {
		return err
	}
	key, err := crypto.ParseKey(text)
	if err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return err
	}
	return errors.Join(job(s), s.Close())
}

// process starts a job and returns its output.
func process(t testing.TB, job, dir string, key crypto.Key) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+job)
	cmd.Stdin = strings.NewReader(key.Text() + " " + dir + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, out
}

// writeForever writes and records from several goroutines, and prints each acknowledgement.
func writeForever(s *sqlite.Store) error {
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format, args...)
	}
	for n := range 6 {
		where := fmt.Sprintf("p/writer%d", n)
		go func() {
			for {
				infos, err := apply(s, put(where, strings.Repeat(where, 50)))
				if err != nil {
					say("error %v\n", err)
					return
				}
				say("put %s %d\n", where, infos[0].Version)
				if err := s.Record(context.Background(), myvault.Entry{Action: "read", Address: addr(where)}); err != nil {
					say("error %v\n", err)
					return
				}
				say("record\n")
			}
		}()
	}
	select {}
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
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	seen := acknowledged{versions: map[string]uint64{}}
	for round := range 5 {
		cmd, out := process(t, "write", dir, key)
		seen.read(t, out, 100+37*round, func() { _ = cmd.Process.Kill() })
		is.True(cmd.Wait() != nil) // it was killed

		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.NoErr(err)
		is.Equal(len(seen.versions), 6)
		for where, version := range seen.versions {
			secret, err := s.Get(t.Context(), addr(where), myvault.Version(version))
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

const counts = 150

// countUp increments a number many times, each time on the condition that it has not changed since
// it was read.
func countUp(s *sqlite.Store) error {
	for done := 0; done < counts; {
		secret, err := s.Get(context.Background(), addr("p/counter"), 0)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(secret.Value.Reveal())
		if err != nil {
			return err
		}
		_, err = apply(s, put("p/counter", strconv.Itoa(n+1), myvault.IfVersion(secret.Version)))
		if errors.Is(err, myvault.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		done++
	}
	return nil
}

// TestTwoProcesses checks that no update is lost when two processes write to one store.
func TestTwoProcesses(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := open(t, dir, key)
	_, err := apply(s, put("p/counter", "0"))
	is.NoErr(err)
	first, _ := process(t, "count", dir, key)
	second, _ := process(t, "count", dir, key)
	is.NoErr(first.Wait())
	is.NoErr(second.Wait())
	secret, err := s.Get(t.Context(), addr("p/counter"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), strconv.Itoa(2*counts))
	is.Equal(secret.Version, myvault.Version(2*counts+1))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(2*counts+1))
}

// TestAnotherOpenStoreSeesChanges checks that a second store sees acknowledged changes at once.
func TestAnotherOpenStoreSeesChanges(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := open(t, dir, key), open(t, dir, key)
	for n := range 50 {
		value := fmt.Sprint(n)
		_, err := apply(a, put("p/x", value))
		is.NoErr(err)
		secret, err := b.Get(t.Context(), addr("p/x"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), value)
		a, b = b, a
	}
	is.NoErr(a.Record(t.Context(), myvault.Entry{Action: "read", At: time.Now()}))
	is.NoErr(b.Record(t.Context(), myvault.Entry{Action: "read", At: time.Now()}))
	report, err := a.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(2))
}

// eachLine calls line for each line that a process prints, until it ends.
func eachLine(out io.Reader, line func(string)) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}
