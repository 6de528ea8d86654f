//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/matryer/is"
)

// withSecrets returns a vault with the secret hunter2 as DB below newsbot/prod/.
func withSecrets(t *testing.T) *vault {
	t.Helper()
	v := newVault(t)
	v.must("hunter2", "put", "newsbot/prod/db")
	v.environ = append(v.environ, childVariable+"=1")
	return v
}

// program returns a command that runs the test binary as a child.
func (v *vault) program(flags []string, args ...string) *exec.Cmd {
	all := append(append([]string{"run"}, flags...), "newsbot/prod/", "--", os.Args[0])
	return v.command(append(all, args...)...)
}

func TestRunNamesVariables(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	v.must("two", "put", "newsbot/prod/api/v2-key")
	r := finish(t, v.program([]string{"--no-mask"}, "env", "API_V2_KEY"), "")
	is.Equal(r.stdout, "two\n")
	r = finish(t, v.program([]string{"--no-mask", "--map", "db=PGPASSWORD"}, "env", "PGPASSWORD"), "")
	is.Equal(r.stdout, "hunter2\n")
	cmd := v.program(nil, "env", "MYVAULT_TOKEN")
	cmd.Env = append(cmd.Env, "MYVAULT_TOKEN=canary")
	is.Equal(finish(t, cmd, "").stdout, "\n") // not passed on

	v.must("three", "put", "newsbot/prod/api/v2.key")
	r = finish(t, v.program(nil, "env", "API_V2_KEY"), "")
	is.Equal(r.code, 125)
	is.True(strings.Contains(r.stderr, "are both API_V2_KEY"))
	v.must("", "delete", "newsbot/prod/api/v2.key")
	for _, name := range []string{"ld_preload", "path", "ключ"} {
		v.must("x", "put", "newsbot/prod/"+name)
		r = finish(t, v.program(nil, "env", "X"), "")
		is.Equal(r.code, 125)
		is.True(strings.Contains(r.stderr, "--map "+name+"=NAME"))
		v.must("", "delete", "newsbot/prod/"+name)
	}
}

func TestRunExitCodes(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	for code, args := range map[int][]string{
		0: {"exit", "0"}, 3: {"exit", "3"}, 125: {"exit", "125"},
	} {
		is.Equal(finish(t, v.program(nil, args...), "").code, code)
	}
	is.Equal(v.run("", "run", "newsbot/prod/", "--", "nosuch").code, 127)
	is.Equal(v.run("", "run", "newsbot/prod/", "--", v.write("notes", "")).code, 126)
	is.Equal(v.run("", "run", "newsbot/prod/", "--", "sh", "-c", "kill -KILL $$").code, 128+9)
	is.Equal(v.run("", "run", "newsbot/prod/", "--no-mask", "--", "sh", "-c", "kill -TERM $$").code, 128+15)
	v.environ[2] = "MYVAULT_URL=http://127.0.0.1:1"
	r := finish(t, v.program(nil, "exit", "0"), "")
	is.Equal(r.code, 125) // the fetch failed, and nothing was started
}

// started starts a command and returns a reader of its output after the line "ready".
func started(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	out := bufio.NewReader(pipe)
	awaitLine(t, out, "ready")
	return out
}

func awaitLine(t *testing.T, out *bufio.Reader, begin string) string {
	t.Helper()
	for {
		line, err := out.ReadString('\n')
		if strings.HasPrefix(line, begin) {
			return line
		}
		if err != nil {
			t.Fatalf("no line begins with %q: %v", begin, err)
		}
	}
}

func exitCodeOf(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

func TestRunPassesSignalsOn(t *testing.T) {
	for _, flags := range [][]string{nil, {"--no-mask"}} {
		is := is.New(t)
		v := withSecrets(t)
		cmd := v.program(flags, "signal")
		out := started(t, cmd)
		is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
		awaitLine(t, out, "terminated")
		is.Equal(exitCodeOf(cmd.Wait()), 7)
	}
}

// TestRunReachesChildProcesses sends a signal that a shell ignores but its child does not.
func TestRunReachesChildProcesses(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.command("run", "newsbot/prod/", "--", "sh", "-c", `trap : TERM; "$0" signal; echo "shell $?"`, os.Args[0])
	out := started(t, cmd)
	is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
	awaitLine(t, out, "terminated")
	awaitLine(t, out, "shell 7")
	is.NoErr(cmd.Wait())
}

// TestRunWaitsForProgramsThatIgnoreSignals checks that run does not end before its program.
func TestRunWaitsForProgramsThatIgnoreSignals(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.program(nil, "ignore")
	out := started(t, cmd)
	for range 3 {
		is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
		awaitLine(t, out, "terminated")
	}
	is.NoErr(cmd.Process.Signal(syscall.SIGQUIT)) // which the program does not ignore
	is.Equal(exitCodeOf(drain(cmd, out)), 2)      // Go's code for SIGQUIT
}

func drain(cmd *exec.Cmd, out io.Reader) error {
	_, _ = io.Copy(io.Discard, out)
	return cmd.Wait()
}

// TestKilledRunEndsItsProgram kills run itself.
func TestKilledRunEndsItsProgram(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	pidFile := filepath.Join(v.dir, "pid")
	cmd := v.command("run", "--no-mask", "newsbot/prod/", "--", "sh", "-c", `echo $$ > "$1"; exec "$0" signal`, os.Args[0], pidFile)
	out := started(t, cmd)
	is.NoErr(cmd.Process.Kill())
	awaitLine(t, out, "terminated") // on Linux
}

// TestValuesReachOnlyTheProgram looks at the arguments and the environment of run itself.
func TestValuesReachOnlyTheProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.program(nil, "signal")
	out := started(t, cmd)
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
		is.NoErr(err)
		is.True(len(text) > 0)
		is.True(!bytes.Contains(text, []byte("hunter2")))
	}
	is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
	is.Equal(exitCodeOf(drain(cmd, out)), 7)
}

// TestFullDisk writes to a device that is always full.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.command("get", "newsbot/prod/db")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	is.Equal(exitCodeOf(cmd.Run()), 1)
	is.True(strings.Contains(stderr.String(), "free some space"))
}

// TestBrokenPipe checks that a program stops once its output has no reader.
func TestBrokenPipe(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.command("run", "newsbot/prod/", "--", "yes")
	pipe, err := cmd.StdoutPipe()
	is.NoErr(err)
	is.NoErr(cmd.Start())
	_, err = bufio.NewReader(pipe).ReadString('\n')
	is.NoErr(err)
	is.NoErr(pipe.Close())
	code := exitCodeOf(cmd.Wait())
	is.True(code == 128+13 || code == 1) // yes ends with SIGPIPE or reports the error
}

// TestListOnABrokenPipe checks the exit code, and that no stack trace or message follows.
func TestListOnABrokenPipe(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	read, write, err := os.Pipe()
	is.NoErr(err)
	is.NoErr(read.Close())
	cmd := v.command("list")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = write, &stderr
	is.Equal(exitCodeOf(cmd.Run()), 141)
	is.Equal(stderr.String(), "")
}

// TestRunWaitsForASlowReader reads the output long after the program has ended.
func TestRunWaitsForASlowReader(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	mark := filepath.Join(v.dir, "ended")
	cmd := v.command("run", "newsbot/prod/", "--", "sh", "-c", `head -c 100000 /dev/zero; : > "$0"`, mark)
	pipe, err := cmd.StdoutPipe()
	is.NoErr(err)
	is.NoErr(cmd.Start())
	awaitFile(t, mark)
	time.Sleep(3 * time.Second) // longer than run waits for child processes that are left
	n, err := io.Copy(io.Discard, pipe)
	is.NoErr(err)
	is.Equal(n, int64(100000))
	is.NoErr(cmd.Wait())
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < timeout; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s was not written", path)
}

// TestRunLeavesChildProcesses checks that run ends although a child process keeps the output open.
func TestRunLeavesChildProcesses(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	for _, terminal := range []bool{false, true} {
		cmd := v.command("run", "newsbot/prod/", "--", "sh", "-c", `(trap '' HUP; exec sleep 100) & echo $! > pid; echo "$DB"`)
		if terminal {
			text, code := v.inTerminal(cmd).end()
			is.Equal(code, 0)
			is.Equal(text, "********\r\n")
		} else {
			is.Equal(finish(t, cmd, "").stdout, "********\n")
		}
		text, err := os.ReadFile(filepath.Join(v.dir, "pid"))
		is.NoErr(err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		is.NoErr(err)
		is.NoErr(syscall.Kill(pid, syscall.SIGKILL)) // it was still running
	}
}

// floodMiB is the size of the output that is masked. It is 1 GB with MYVAULT_TEST_GB.
func floodMiB() string {
	if os.Getenv("MYVAULT_TEST_GB") != "" {
		return "954"
	}
	return "64"
}

// TestRunMasksAtAllBorders masks a long output with the value at every offset.
func TestRunMasksAtAllBorders(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	v.must("a-much-longer-value-with-hunter2-inside", "put", "newsbot/prod/long")
	cmd := v.program(nil, "flood", floodMiB(), "LONG")
	pipe, err := cmd.StdoutPipe()
	is.NoErr(err)
	start := time.Now()
	is.NoErr(cmd.Start())
	total, masks := 0, 0
	for lines := bufio.NewScanner(pipe); lines.Scan(); masks++ {
		line := lines.Bytes()
		total += len(line) + 1
		if !bytes.HasSuffix(line, []byte("********")) || bytes.Contains(line, []byte("hunter2")) || bytes.Contains(line, []byte("longer")) {
			t.Fatalf("line %d is %q", masks, line)
		}
	}
	is.NoErr(cmd.Wait())
	is.True(masks > 1000)
	t.Logf("%d MB in %v", total/1e6, time.Since(start).Round(time.Millisecond))
}

// TestRunWatch changes a secret while a program runs that ignores SIGTERM.
func TestRunWatch(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.program([]string{"--no-mask", "--watch", "--interval", "100ms", "--grace", "300ms"}, "ignore")
	out := started(t, cmd)
	v.must("second", "put", "newsbot/prod/db")
	awaitLine(t, out, "terminated") // asked to end first
	is.Equal(awaitLine(t, out, "ready"), "ready second\n")
	is.NoErr(cmd.Process.Signal(syscall.SIGTERM)) // to run: passed on, without a restart
	awaitLine(t, out, "terminated")
	is.NoErr(cmd.Process.Signal(syscall.SIGQUIT))
	is.Equal(exitCodeOf(drain(cmd, out)), 2)
}

// TestRunWatchWithASignal sends a signal instead of a restart.
func TestRunWatchWithASignal(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.program([]string{"--watch", "--interval", "100ms", "--signal", "hup"}, "signal")
	out := started(t, cmd)
	v.must("second", "put", "newsbot/prod/db")
	awaitLine(t, out, "hangup")
	is.Equal(exitCodeOf(drain(cmd, out)), 7)
}

// TestRunWatchIsTold checks that changes are reported by the store and by a server, not found by
// polling.
func TestRunWatchIsTold(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		v.must("first", "put", "newsbot/prod/db")
		v.environ = append(v.environ, childVariable+"=1")
		cmd := v.program([]string{"--no-mask", "--watch", "--interval", "1h"}, "signal")
		out := started(t, cmd)
		for _, value := range []string{"second", "third"} {
			v.must(value, "put", "newsbot/prod/db")
			awaitLine(t, out, "ready "+value)
		}
		is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
		is.Equal(exitCodeOf(drain(cmd, out)), 7)
	})
}

// TestRunMasksNewValues prints the old and the new value of a changed secret after a signal.
func TestRunMasksNewValues(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	script := `trap 'echo "old $DB new $(` + binary + ` get newsbot/prod/db)"; exit 7' HUP; echo ready; while :; do sleep 0.1; done`
	cmd := v.command("run", "--watch", "--interval", "100ms", "--signal", "hup", "newsbot/prod/", "--", "sh", "-c", script)
	out := started(t, cmd)
	v.must("second-value", "put", "newsbot/prod/db")
	is.Equal(awaitLine(t, out, "old"), "old ******** new ********\n")
	is.Equal(exitCodeOf(drain(cmd, out)), 7)
}

// TestRunWatchKeepsTheProgram checks that a failing fetch does not end the program.
func TestRunWatchKeepsTheProgram(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	cmd := v.program([]string{"--watch", "--interval", "100ms"}, "signal")
	stderr, err := cmd.StderrPipe()
	is.NoErr(err)
	out := started(t, cmd)
	v.must("x", "put", "newsbot/prod/path") // a name that needs --map
	awaitLine(t, bufio.NewReader(stderr), "myvault: the program keeps its values")
	is.NoErr(cmd.Process.Signal(syscall.SIGTERM))
	awaitLine(t, out, "terminated")
	is.Equal(exitCodeOf(drain(cmd, out)), 7)
}

// terminal runs a command in a pseudo-terminal.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File
	text strings.Builder
}

func (v *vault) inTerminal(cmd *exec.Cmd) *terminal {
	v.t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() {
		_ = f.Close()
		_ = cmd.Process.Kill()
	})
	return &terminal{t: v.t, cmd: cmd, pty: f}
}

// await reads until the output has a text.
func (c *terminal) await(text string) {
	c.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(c.text.String(), text) {
		n, err := c.pty.Read(buffer)
		c.text.Write(buffer[:n])
		if err != nil {
			c.t.Fatalf("no %q on the terminal: %q", text, c.text.String())
		}
	}
}

func (c *terminal) send(text string) {
	c.t.Helper()
	if _, err := c.pty.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// end reads the rest and returns the whole output and the exit code.
func (c *terminal) end() (string, int) {
	_, _ = io.Copy(&c.text, c.pty) // ends with an error once the terminal is closed
	return c.text.String(), exitCodeOf(c.cmd.Wait())
}

func TestRunInATerminal(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	script := `test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; echo "$DB"; read x; echo "got $x"; exec "$0" signal`
	c := v.inTerminal(v.command("run", "newsbot/prod/", "--", "sh", "-c", script, os.Args[0]))
	c.await("terminal\r\n40 120\r\n********\r\n")
	c.send("hello\n")
	c.await("got hello")
	c.await("ready ********")
	c.send("\x03") // Ctrl-C
	text, code := c.end()
	is.True(strings.Contains(text, "interrupt"))
	is.Equal(code, 7)
	is.True(!strings.Contains(text, "hunter2"))
}

// TestRunInAClosedTerminal closes the terminal: the program gets SIGHUP.
func TestRunInAClosedTerminal(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	mark := filepath.Join(v.dir, "mark")
	c := v.inTerminal(v.command("run", "newsbot/prod/", "--", "sh", "-c", `trap 'echo hangup > "$0"; exit 3' HUP; echo ready; while :; do sleep 0.1; done`, mark))
	c.await("ready")
	is.NoErr(c.pty.Close())
	_ = c.cmd.Wait()
	text, err := os.ReadFile(mark)
	is.NoErr(err)
	is.Equal(string(text), "hangup\n")
}

// TestTerminalHidesValues checks that values are shown on a terminal only with --reveal.
func TestTerminalHidesValues(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	for _, args := range [][]string{{"get", "newsbot/prod/db"}, {"get", "--json", "newsbot/prod/db"}, {"export", "newsbot/prod/"}} {
		text, _ := v.inTerminal(v.command(args...)).end()
		is.True(!strings.Contains(text, "hunter2")) // args
		is.True(strings.Contains(text, "newsbot") || strings.Contains(text, "--reveal"))
	}
	is.True(!strings.Contains(v.must("", "audit", "--action", "read"), "v1")) // the value was not read
	text, code := v.inTerminal(v.command("get", "--reveal", "newsbot/prod/db")).end()
	is.Equal(text, "hunter2\r\n")
	is.Equal(code, 0)
}

// TestTerminalQuotesEscapes prints names, values and errors with an escape sequence. A pipe gets
// the bytes of a value.
func TestTerminalQuotesEscapes(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	const value = "a\x1b[2J\rb"
	v.must(value, "put", "newsbot/prod/db")
	for _, args := range [][]string{
		{"get", "--reveal", "newsbot/prod/db"}, {"diff", "--reveal", "newsbot/prod/db", "1"},
		{"get", "--local", "--service", value, "newsbot/prod/db"}, {"run", "newsbot/prod/", "--", value},
		{"export", "--reveal", "--format", "shell", "newsbot/prod/"},
	} {
		text, _ := v.inTerminal(v.command(args...)).end()
		is.True(!strings.Contains(text, "\x1b")) // args
		is.True(strings.Contains(text, `a\x1b[2J\rb`))
	}
	is.Equal(v.must("", "get", "newsbot/prod/db"), value)
}

// TestPutAsksOnATerminal types a value, which is not shown.
func TestPutAsksOnATerminal(t *testing.T) {
	is := is.New(t)
	v := withSecrets(t)
	c := v.inTerminal(v.command("put", "newsbot/prod/typed"))
	c.await("Value: ")
	c.send("typed-value\r")
	c.await("Again: ")
	c.send("typed-value\r")
	text, code := c.end()
	is.Equal(code, 0)
	is.True(!strings.Contains(text, "typed-value"))
	is.Equal(v.must("", "get", "newsbot/prod/typed"), "typed-value")
}
