package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// JobVariable is the environment variable with the name of the job that a process runs.
const JobVariable = "MYVAULT_SQLITE_TEST_JOB"

// Main runs the tests, or a job if the test binary was started as another process. Every package
// has the jobs "write" and "talk"; more are its own. TestMain calls Main.
func Main(m *testing.M, more map[string]func(*sqlite.Store) error) {
	jobs := map[string]func(*sqlite.Store) error{"write": writeForever, "talk": talk}
	maps.Copy(jobs, more)
	name := os.Getenv(JobVariable)
	if name == "" {
		hasJobs = true
		os.Exit(m.Run())
	}
	job := jobs[name]
	if job == nil {
		job = func(*sqlite.Store) error { return errors.New("no such job: " + name) }
	}
	if err := runJob(job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hasJobs is set by Main. Without it, a process would run the tests again and not a job.
var hasJobs bool

// Job returns a process that runs a job and is not started. It reads its key and directory from
// standard input.
func Job(t testing.TB, job string) *exec.Cmd {
	t.Helper()
	if !hasJobs {
		t.Fatal("TestMain of this package does not call storetest.Main")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), JobVariable+"="+job)
	cmd.Stderr = os.Stderr
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	return cmd
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

// Process starts a job and returns its output.
func Process(t testing.TB, job, dir string, key crypto.Key) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := Job(t, job)
	cmd.Stdin = strings.NewReader(key.Text() + " " + dir + "\n")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// EachLine calls line for each line that a process prints, until it ends.
func EachLine(out io.Reader, line func(string)) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}
