package due_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// watchJob is set for a process of the test binary that watches a store and may be killed.
const watchJob = "MYVAULT_DUE_TEST_JOB"

// A call that outlasts its lease is repeated, also on a slow machine. While no process is killed,
// the lease is longer than the test. Otherwise it is longer than any call of the test.
const (
	calmLease = time.Hour
	wildLease = 5 * time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(watchJob) == "" {
		os.Exit(m.Run())
	}
	if err := watchStore(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watchStore reads a key, a lease and a directory from standard input, watches the store there
// until the input ends, and appends a line to the file of calls for each notice.
func watchStore() error {
	var text, dir string
	var lease time.Duration
	in := bufio.NewReader(os.Stdin)
	if _, err := fmt.Fscanln(in, &text, &lease, &dir); err != nil {
		return err
	}
	v, err := openStore(dir, text)
	if err != nil {
		return err
	}
	w, err := due.Start(v, v.As("root"), due.Config{
		Scan: 100 * time.Millisecond, Lease: lease, Retry: 100 * time.Millisecond,
		Notify:  func(_ context.Context, n due.Notice) error { return call(dir, n.ID) },
		OnError: func(err error) { fmt.Fprintln(os.Stderr, err) },
	})
	if err != nil {
		return err
	}
	fmt.Println("watching")
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, w.Close(), v.Close())
}

func openStore(dir, key string) (*myvault.Vault, error) {
	k, err := crypto.ParseKey(key)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(context.Background(), filepath.Join(dir, "data"), sqlite.StaticKey(k), sqlite.Config{})
	if err != nil {
		return nil, err
	}
	rule, err := myvault.ParseRule("*/@read+write+delete+list+destroy+audit")
	if err != nil {
		return nil, err
	}
	policy, err := myvault.NewPolicy(myvault.Service{Name: "root", Allow: []myvault.Rule{rule}})
	if err != nil {
		return nil, err
	}
	return myvault.New(store, policy, myvault.Config{})
}

// call appends a line to the file of calls, in one write.
func call(dir, id string) error {
	f, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(id + "\n")
	return errors.Join(err, f.Close())
}

// called counts the calls by ID.
func called(t *testing.T, dir string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, id := range strings.Fields(string(text)) {
		count[id]++
	}
	return count
}

// worker is a process that watches the store.
type worker struct {
	*exec.Cmd
	in io.Closer
}

func startWorker(t *testing.T, dir, key string, lease time.Duration) worker {
	t.Helper()
	is := is.New(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), watchJob+"=1"), os.Stderr
	in, err := cmd.StdinPipe()
	is.NoErr(err)
	out, err := cmd.StdoutPipe()
	is.NoErr(err)
	is.NoErr(cmd.Start())
	_, err = fmt.Fprintln(in, key, int64(lease), dir)
	is.NoErr(err)
	_, err = bufio.NewReader(out).ReadString('\n')
	is.NoErr(err) // it is watching
	return worker{cmd, in}
}

// Processes that share a store receive each notice once, also over orderly restarts. If
// processes are killed repeatedly, no notice is lost, and each still has one event.
func TestProcessesShareTheNotices(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey().Text()
	v, err := openStore(dir, key)
	is.NoErr(err)
	defer v.Close()
	const secrets, processes, kills = 30, 3, 9
	fill := func(group string) {
		for i := range secrets {
			put(t, v, myvault.Address{Project: "newsbot", Path: fmt.Sprintf("%s/%d", group, i)}, time.Duration(i)*40*time.Millisecond+time.Millisecond, 0)
		}
	}
	until := func(want int) {
		t.Helper()
		for range 3000 {
			if len(called(t, dir)) == want {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("%d notices instead of %d", len(called(t, dir)), want)
	}
	fill("calm")
	workers := make([]worker, processes)
	for range 2 { // the second time there are no new notices
		for i := range workers {
			workers[i] = startWorker(t, dir, key, calmLease)
		}
		until(secrets)
		time.Sleep(300 * time.Millisecond)
		for _, w := range workers {
			is.NoErr(w.in.Close())
			is.NoErr(w.Wait())
		}
	}
	for _, times := range called(t, dir) {
		is.Equal(times, 1)
	}
	is.Equal(len(events(t, v)), secrets)

	fill("wild")
	for i := range workers {
		workers[i] = startWorker(t, dir, key, wildLease)
	}
	for i := range kills {
		time.Sleep(time.Duration(i*37%100) * time.Millisecond)
		w := &workers[i%processes]
		is.NoErr(w.Process.Kill())
		_ = w.Wait()
		*w = startWorker(t, dir, key, wildLease)
	}
	until(2 * secrets)
	time.Sleep(wildLease + time.Second) // interrupted calls are repeated
	for _, w := range workers {
		is.NoErr(w.in.Close())
		is.NoErr(w.Wait())
	}
	repeated := 0
	for _, times := range called(t, dir) {
		repeated += times - 1
	}
	is.True(repeated <= kills) // only interrupted calls were repeated
	is.Equal(len(events(t, v)), 2*secrets)
	t.Logf("%d notices in %d processes, %d killed, %d calls repeated", 2*secrets, processes, kills, repeated)
	for p, err := range v.As("root").Projects(t.Context()) {
		is.NoErr(err)
		is.Equal(p.Name, "newsbot") // the marks are not visible
	}
}
