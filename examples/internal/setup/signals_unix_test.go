//go:build unix

package setup_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/examples/internal/setup"
)

// clearingUp has a process of this test be a program that is stopped.
const clearingUp = "MYVAULT_TEST_CLEARING_UP"

// TestClearUp is that program: it clears up once a line comes.
func TestClearUp(t *testing.T) {
	if os.Getenv(clearingUp) == "" {
		t.Skip("it is started by TestASecondSignalDoesNotKeepAProgramFromClearingUp")
	}
	is := is.New(t)
	is.Equal(setup.Run("nothing is left", func(ctx context.Context) error {
		fmt.Println("runs")
		<-ctx.Done()
		fmt.Println("clears up")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	}), 0)
}

// timeout(1) sends a signal to the program and another to its group.
func TestASecondSignalDoesNotKeepAProgramFromClearingUp(t *testing.T) {
	is := is.New(t)
	program := exec.Command(os.Args[0], "-test.run=^TestClearUp$")
	program.Env = append(os.Environ(), clearingUp+"=1")
	in, err := program.StdinPipe()
	is.NoErr(err)
	pipe, err := program.StdoutPipe()
	is.NoErr(err)
	is.NoErr(program.Start())
	out := bufio.NewReader(pipe)
	for _, want := range []string{"runs\n", "clears up\n"} {
		line, err := out.ReadString('\n')
		is.NoErr(err)
		is.Equal(line, want)
		is.NoErr(program.Process.Signal(syscall.SIGTERM))
	}
	_, err = in.Write([]byte("\n"))
	is.NoErr(err)
	is.NoErr(program.Wait())
}
