package main_test

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// binary is the command, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child(os.Args[1:]))
	}
	dir, err := os.MkdirTemp("", "myvault-command-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "myvault")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// childVariable makes the test binary act as a program that run starts. See child.
const childVariable = "MYVAULT_TEST_CHILD"

// timeout limits every command of the tests.
const timeout = time.Minute

// vault is a directory with a store, and how commands reach it.
type vault struct {
	t       *testing.T
	dir     string
	environ []string
}

// result is the end of a command.
type result struct {
	stdout, stderr string
	code           int
}

// newVault creates a store, with the command.
func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{t: t, dir: t.TempDir()}
	v.environ = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "MYVAULT_LOCAL=true", "TZ=UTC"}
	v.must("", "init")
	return v
}

// served starts a server for the store. Commands then call it.
func (v *vault) served() *vault {
	v.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "serve")
	cmd.Dir, cmd.Env = v.dir, []string{"PATH=" + os.Getenv("PATH"), "PORT=0"}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	var text []byte
	buffer := make([]byte, 4096)
	for {
		n, err := out.Read(buffer)
		text = append(text, buffer[:n]...)
		if m := regexp.MustCompile(`serves (\S+)\n`).FindSubmatch(text); m != nil {
			v.environ[2] = "MYVAULT_URL=" + string(m[1])
			return v
		}
		if err != nil {
			v.t.Fatalf("the server did not start: %s", text)
		}
	}
}

// command returns a command in the directory of the vault.
func (v *vault) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	v.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = v.dir, v.environ
	return cmd
}

// run runs a command with a standard input.
func (v *vault) run(stdin string, args ...string) result {
	v.t.Helper()
	return finish(v.t, v.command(args...), stdin)
}

func finish(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that must succeed, and returns its standard output.
func (v *vault) must(stdin string, args ...string) string {
	v.t.Helper()
	r := v.run(stdin, args...)
	if r.code != 0 {
		v.t.Fatalf("%v: exit code %d: %s", args, r.code, cmp.Or(r.stderr, r.stdout))
	}
	return r.stdout
}

// require returns the path of a program. Without it, the test is skipped, or fails in CI.
func require(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatalf("%s is missing; apt-get install %s", program, program)
	}
	t.Skipf("needs %s", program)
	return ""
}

// write writes a file into the directory of the vault.
func (v *vault) write(name, text string) string {
	v.t.Helper()
	path := filepath.Join(v.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
	return path
}
