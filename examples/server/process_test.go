package main_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the server, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "myvault-server-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "server")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
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
	stdout lockedBuffer
	stderr lockedBuffer
	exited chan error
	client *http.Client // nil: the default one
}

// apart is p for one caller at a time, with one connection. A client that callers share opens connections ahead; the server
// closes those that say nothing for five seconds, which may be just when one is used.
func (p *process) apart(t *testing.T) *process {
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	return &process{url: p.url, client: client}
}

type lockedBuffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote func(line []byte) // nil: nothing to call
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrote != nil {
		b.wrote(p)
	}
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// command prepares the server in dir with nothing of this process's environment but PATH.
func command(t *testing.T, dir string, settings ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary), dir: dir, exited: make(chan error, 1)}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PORT=0"}, settings...)
	p.cmd.Stderr = &p.stderr
	return p
}

// start runs the server in dir until the test ends.
func start(t *testing.T, dir string, settings ...string) *process {
	t.Helper()
	p := command(t, dir, settings...)
	p.run(t)
	return p
}

// startRecord is the record with which a server whose log is JSON starts to serve.
var startRecord = regexp.MustCompile(`"msg":"serving","url":"([^"]+)"`)

// run starts a prepared server and waits until it serves.
func (p *process) run(t *testing.T) {
	t.Helper()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	p.stderr.wrote = func(line []byte) {
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
		t.Fatalf("the server does not start:\n%s", p.stderr.String())
	}
}

// greeting waits for all that the server prints when it starts.
func (p *process) greeting(t *testing.T) string {
	t.Helper()
	for range 6000 {
		if text := p.stdout.String(); strings.Contains(text, "whoami\n") {
			return text
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no greeting but %q", p.stdout.String())
	return ""
}

// stop sends a signal and waits for the end.
func (p *process) stop(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		return err
	case <-time.After(time.Minute):
		t.Fatal("the server does not end")
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

// answer is what a request gave.
type answer struct {
	status int
	header http.Header
	body   string
}

// secret reads the members of a secret from the body.
func (a answer) secret(t *testing.T) (s struct {
	Value   string
	Version int
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return s
}

// ask sends a request; the error is that of the connection.
func (p *process) ask(c caller, method, path, body string) (answer, error) {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("X-Service", c.service)
	r.Header.Set("X-Token", c.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := cmp.Or(p.client, http.DefaultClient).Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// must is ask where the connection has to hold.
func (p *process) must(t *testing.T, c caller, method, path, body string) answer {
	t.Helper()
	a, err := p.ask(c, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
