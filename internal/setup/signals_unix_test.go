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

	"github.com/myswiftagent/myvault/internal/setup"
)

// helperVariable makes the test binary run TestCleanUpProgram.
const helperVariable = "MYVAULT_TEST_CLEAN_UP"

// TestCleanUpProgram is a program that is stopped. It cleans up until it reads a line.
func TestCleanUpProgram(t *testing.T) {
	if os.Getenv(helperVariable) == "" {
		t.Skip("TestSecondSignalDoesNotInterruptCleanUp starts this program")
	}
	is := is.New(t)
	is.Equal(setup.Run("nothing is left", func(ctx context.Context) error {
		fmt.Println("runs")
		<-ctx.Done()
		fmt.Println("cleans up")
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	}), 0)
}

// TestSecondSignalDoesNotInterruptCleanUp sends two signals, as timeout(1) does: one to the program
// and one to its group.
func TestSecondSignalDoesNotInterruptCleanUp(t *testing.T) {
	is := is.New(t)
	program := exec.Command(os.Args[0], "-test.run=^TestCleanUpProgram$")
	program.Env = append(os.Environ(), helperVariable+"=1")
	in, err := program.StdinPipe()
	is.NoErr(err)
	pipe, err := program.StdoutPipe()
	is.NoErr(err)
	is.NoErr(program.Start())
	out := bufio.NewReader(pipe)
	for _, want := range []string{"runs\n", "cleans up\n"} {

		line, err := out.ReadString('\n')
		is.NoErr(err)
		is.Equal(line, want)
		is.NoErr(program.Process.Signal(syscall.SIGTERM))
	}
	_, err = in.Write([]byte("\n"))
	is.NoErr(err)
	is.NoErr(program.Wait())
}
