package storetest

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"github.com/myswiftagent/myvault/crypto"
)

// Talker is a process that runs a job until its standard input ends.
type Talker struct {
	In  io.WriteCloser
	Out *bufio.Scanner
	Cmd *exec.Cmd
}

// Talk starts a process that executes the commands of Ask.
func Talk(t testing.TB, dir string, key crypto.Key) *Talker {
	t.Helper()
	return StartJob(t, "talk", dir, key)
}

// StartJob starts a job that runs until its standard input ends.
func StartJob(t testing.TB, job, dir string, key crypto.Key) *Talker {
	t.Helper()
	cmd := Job(t, job)
	in, err := cmd.StdinPipe()
	Must(t, err)
	out, err := cmd.StdoutPipe()
	Must(t, err)
	Must(t, cmd.Start())
	_, err = fmt.Fprintln(in, key.Text(), dir)
	Must(t, err)
	return &Talker{in, bufio.NewScanner(out), cmd}
}

// Ask sends a command and returns the answer: "done", a value, "nothing" or an error.
func (k *Talker) Ask(t testing.TB, what, where, value string) string {
	t.Helper()
	_, err := fmt.Fprintln(k.In, what, where, value)
	Must(t, err)
	if !k.Out.Scan() {
		t.Fatal("the process has ended")
	}
	return k.Out.Text()
}

// End ends the process, which must succeed.
func (k *Talker) End(t testing.TB) {
	t.Helper()
	Must(t, k.In.Close())
	Must(t, k.Cmd.Wait())
}
