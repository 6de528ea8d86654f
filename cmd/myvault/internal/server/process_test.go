package server_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/myswiftagent/myvault/internal/servertest"
)

// binary is the command, built once for all tests.
var binary string

// maxParallel is how many parallel tests run at once. They mostly wait for the server to read its
// files again, so there may be more of them than cores.
const maxParallel = "12"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", maxParallel); err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "myvault-server-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "myvault")
	if out, err := exec.Command("go", "build", "-o", binary, root+"/cmd/myvault").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	url    string
	dir    string // its working directory
	stdout servertest.Log
	stderr servertest.Log
	exited chan error
	client *http.Client // nil: the default one
}

// withOwnClient returns p with a separate client of one connection, for one caller at a time. A
// shared client opens spare connections. The server closes those that are silent for five
// seconds, possibly just when the client uses them.
func (p *process) withOwnClient(t *testing.T) *process {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	return &process{url: p.url, client: client}
}

// command returns a server in dir that is not started yet. Of the environment, it inherits only
// PATH.
func command(t *testing.T, dir string, settings ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, "serve"), dir: dir, exited: make(chan error, 1)}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PORT=0"}, settings...)
	p.cmd.Stderr = &p.stderr
	return p
}

// subcommand makes p another command than serve.
func (p *process) subcommand(name string) { p.cmd.Args = []string{binary, name} }

// start runs the server in dir until the test ends.
func start(t *testing.T, dir string, settings ...string) *process {
	t.Helper()
	p := command(t, dir, settings...)
	p.run(t)
	return p
}

// startRecord matches the JSON record that the server logs when it starts to serve.
var startRecord = regexp.MustCompile(`"msg":"serving","url":"([^"]+)"`)

// run starts a prepared server and waits until it serves.
func (p *process) run(t *testing.T) {
	t.Helper()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	p.stderr.OnWrite = func(line []byte) {
		if url := startRecord.FindSubmatch(line); url != nil {
			ready <- string(url[1])
		}
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.stdout.Write([]byte(lines.Text() + "\n"))
			if _, url, found := strings.Cut(lines.Text(), "serves "); found {
				ready <- url
			}
		}
	}()
	go func() { <-read; p.exited <- p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.exited })
	select {
	case p.url = <-ready:
	case err := <-p.exited:
		t.Fatalf("the server ended: %v\n%s", err, p.stderr.String())
	case <-time.After(time.Minute):
		t.Fatalf("timeout: the server does not start:\n%s", p.stderr.String())
	}
}

// greeting waits for the complete start message of the server.
func (p *process) greeting(t *testing.T) string {
	t.Helper()
	for range 6000 {
		if text := p.stdout.String(); strings.Contains(text, "whoami\n") {
			return text
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("timeout: the start message is %q", p.stdout.String())
	return ""
}

// stop sends a signal and waits for the server to exit.
func (p *process) stop(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		return err
	case <-time.After(time.Minute):
		t.Fatal("timeout: the server does not exit")
		return nil
	}
}

// caller is a service of the policy.
type caller struct{ service, token string }

// headers reads client.headers of a first run.
func (p *process) headers(t *testing.T) caller {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "client.headers"))
	if err != nil {
		t.Fatal(err)
	}
	var c caller
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "X-Service":
			c.service = value
		case "X-Token":
			c.token = value
		}
	}
	return c
}

type response struct {
	status int
	header http.Header
	body   string
}

// secret parses the secret in the body.
func (r response) secret(t *testing.T) (s struct {
	Value   string
	Version int
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &s); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return s
}

// ask sends a request. The error is a network error.
func (p *process) ask(c caller, method, path, body string) (response, error) {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	r.Header.Set("X-Service", c.service)
	r.Header.Set("X-Token", c.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := cmp.Or(p.client, http.DefaultClient).Do(r)
	if err != nil {
		return response{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return response{got.StatusCode, got.Header, string(text)}, err
}

// must is ask without network errors.
func (p *process) must(t *testing.T, c caller, method, path, body string) response {
	t.Helper()
	a, err := p.ask(c, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
