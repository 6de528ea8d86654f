package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// talk executes commands, one on each line of standard input: get, put, delete, undelete or
// destroy, an address, and the value to put.
func talk(s *sqlite.Store) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		f := strings.Fields(lines.Text())
		fmt.Println(answer(s, f[0], f[1], f[2]))
	}
	return nil
}

func answer(s *sqlite.Store, what, where, value string) string {
	ops := map[string]myvault.Op{"delete": myvault.OpDelete, "undelete": myvault.OpUndelete, "destroy": myvault.OpDestroy}
	var err error
	switch what {
	case "get":
		secret, err := s.Get(context.Background(), addr(where), 0)
		if errors.Is(err, myvault.ErrNotFound) {
			return "nothing"
		}
		if err != nil {
			return err.Error()
		}
		return secret.Value.Reveal()
	case "put":
		_, err = apply(s, put(where, value))
	default:
		_, err = apply(s, on(ops[what], where))
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

// talker is a process that runs talk, or another job, until its standard input ends.
type talker struct {
	in  io.WriteCloser
	out *bufio.Scanner
	cmd *exec.Cmd
}

func talkTo(t *testing.T, dir string, key crypto.Key) *talker {
	t.Helper()
	return startJob(t, "talk", dir, key)
}

// startJob starts a job that runs until its standard input ends.
func startJob(t *testing.T, job, dir string, key crypto.Key) *talker {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+job)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_, err = fmt.Fprintln(in, key.Text(), dir)
	must(t, err)
	return &talker{in, bufio.NewScanner(out), cmd}
}

func (k *talker) ask(t *testing.T, what, where, value string) string {
	t.Helper()
	_, err := fmt.Fprintln(k.in, what, where, value)
	must(t, err)
	if !k.out.Scan() {
		t.Fatal("the process has ended")
	}
	return k.out.Text()
}

func (k *talker) end(t *testing.T) {
	t.Helper()
	must(t, k.in.Close())
	must(t, k.cmd.Wait())
}

// TestNoStaleReads checks that each process sees the changes acknowledged to another, while a
// fourth writes all the time.
func TestNoStaleReads(t *testing.T) {
	is := is.New(t)
	rounds := 150
	if long() {
		rounds = 5000
	}
	dir, key := t.TempDir(), crypto.NewKey()
	var talkers [3]*talker
	for i := range talkers {
		talkers[i] = talkTo(t, dir, key)
	}
	noise, _ := process(t, "write", dir, key)
	random := rand.New(rand.NewPCG(7, 8))
	kept, now := map[string]string{}, map[string]string{} // the newest value, and the value that a read must return
	readBy := func(where string) {
		for _, k := range talkers {
			is.Equal(k.ask(t, "get", where, "-"), orNothing(now[where]))
		}
	}
	for n := range rounds {
		where := fmt.Sprint("p/a", random.IntN(3))
		readBy(where) // each may cache it
		value := fmt.Sprint("v", n)
		what := []string{"put", "put", "delete", "undelete", "destroy"}[random.IntN(5)]
		if talkers[n%3].ask(t, what, where, value) == "done" {
			switch what {
			case "put":
				kept[where], now[where] = value, value
			case "undelete":
				now[where] = kept[where]
			default:
				now[where] = ""
			}
		}
		readBy(where)
	}
	for _, k := range talkers {
		k.end(t)
	}
	is.NoErr(noise.Process.Kill())
	_ = noise.Wait()
	_, err := open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	t.Logf("%d changes, each read by 3 processes before and after", rounds)
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
