package server_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func TestFirstRunCreatesFiles(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir())
	c := p.headers(t)
	is.Equal(c.service, "local")
	is.True(len(c.token) >= 26) // 128 bits and more
	for name, mode := range map[string]fs.FileMode{
		"data": 0o700 | fs.ModeDir, "data/.env": 0o600, "data/client.headers": 0o600, "data/vault.db": 0o600, "data/access.db": 0o600, "data/.gitignore": 0o600,
	} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		is.NoErr(err)
		is.Equal(info.Mode(), mode)
	}
	ignored, err := os.ReadFile(filepath.Join(p.dir, "data/.gitignore"))
	is.NoErr(err)
	is.Equal(string(ignored), "*\n")
	is.True(strings.HasPrefix(p.url, "http://127.0.0.1:"))
	greeting := p.greeting(t)
	is.True(strings.Contains(greeting, filepath.Join(p.dir, "data")))        // where the files are
	is.True(strings.Contains(greeting, "MSA_MASTER_KEY_FILE"))               // how to store the key elsewhere
	is.True(!strings.Contains(p.stdout.String()+p.stderr.String(), c.token)) // no token on a terminal
}

func TestPrintedCurlCommandWorks(t *testing.T) {
	is := is.New(t)
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "" {
		t.Skip("curl is not installed (an error in CI)")
	}
	dir := filepath.Join(t.TempDir(), "a directory")
	is.NoErr(os.Mkdir(dir, 0o700))
	p := start(t, dir)
	var line string
	for text := range strings.Lines(p.greeting(t)) {
		if printed, found := strings.CutPrefix(text, "Try: "); found {
			line = printed
		}
	}
	out, err := exec.Command("sh", "-c", line).Output()
	is.NoErr(err)
	is.True(strings.Contains(string(out), `"service":"local"`))
	is.True(!strings.Contains(line, p.headers(t).token)) // not visible in a process list
}

func TestSecondRunKeepsFiles(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir)
	c := p.headers(t)
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"v1"}`).status, 201)
	is.NoErr(p.stop(t, syscall.SIGINT))
	p = start(t, dir)
	is.Equal(p.headers(t), c)
	is.Equal(p.must(t, c, "GET", "/api/secrets/p/prod/x", "").secret(t).Value, "v1")
	is.NoErr(p.stop(t, syscall.SIGTERM))
}

func TestStoreWithoutItsEnvIsNotTouched(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(start(t, dir).stop(t, syscall.SIGTERM))
	is.NoErr(os.Remove(filepath.Join(dir, "data/.env")))
	before := files(t, dir)
	p := command(t, dir)
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "restore its .env"))
	is.Equal(files(t, dir), before)
}

// files returns the content of every file below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const goodEnv = `ALLOWED_SERVICES=svc
TOKEN_svc=canary-token-0123456789
ALLOW_svc=newsbot/
MSA_MASTER_KEY=base64:a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=
`

// TestBadSettings makes one change to a good .env at a time.
func TestBadSettings(t *testing.T) {
	for _, c := range []struct{ line, becomes, want string }{
		{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICE=svc", "ALLOWED_SERVICE"},
		{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES=svc,other", "TOKEN_other"},
		{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES", "line 1"},
		{"TOKEN_svc=", "TOKE_svc=", "line 2"},
		{"TOKEN_svc=", "TOKEN_Svc=", "TOKEN_Svc"},
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc=", "TOKEN_svc"},
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc='canary-token", "line 2"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=newsbot", "ALLOW_svc: item 1"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=newsbot/@wrtie", "ALLOW_svc: item 1"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=newsbot/**", "ALLOW_svc: item 1"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=newsbot/\nALLOW_svc=x/", "line 4"},
		{"ALLOW_svc=", "ALOW_svc=", "line 3"},
		{"MSA_MASTER_KEY=base64:a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=", "", "MSA_MASTER_KEY"},
		{"MSA_MASTER_KEY=base64:", "MSA_MASTERKEY=base64:", "MSA_MASTERKEY"},
		{"MSA_MASTER_KEY=base64:", "MSA_MASTER_KEY=", "base64:"},
		{"a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "zero"},
		{"a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=", "a2V5IG9mIHRoZSBz", "32"},
		{"a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=", "a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE=\nMSA_MASTER_KEY_FILE=x", "one and not both"},
		{"MSA_MASTER_KEY=", "PORT=canary\nMSA_MASTER_KEY=", "setting PORT: invalid value"},
		{"MSA_MASTER_KEY=", "MYVAULT_PLAINTEXT=canary\nMSA_MASTER_KEY=", "setting MYVAULT_PLAINTEXT: invalid value"},
		{"MSA_MASTER_KEY=base64:", "MSA_MASTER_KEY_FILE=base64:", "MSA_MASTER_KEY_FILE"},
		{"MSA_MASTER_KEY=", "MYVAULT_DUE=canary\nMSA_MASTER_KEY=", "MYVAULT_DUE"},
		{"MSA_MASTER_KEY=", "MYVAULT_ADDR=0.0.0.0:0\nMSA_MASTER_KEY=", "loopback"},
	} {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			text := strings.Replace(goodEnv, c.line, c.becomes, 1)
			is.True(text != goodEnv)
			dir := t.TempDir()
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600))
			p := command(t, dir)
			p.cmd.Env = p.cmd.Env[:1]
			is.True(p.cmd.Run() != nil)
			is.True(strings.Contains(p.stderr.String(), c.want)) // names the setting
			for _, secret := range []string{"canary", "a2V5IG9"} {
				is.True(!strings.Contains(p.stderr.String(), secret)) // without secrets
			}
			_, err := os.Stat(filepath.Join(dir, "data"))
			is.True(os.IsNotExist(err)) // no files are created
		})
	}
}

func TestWrongKeyChangesNothing(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir)
	is.Equal(p.must(t, p.headers(t), "POST", "/api/secrets", `{"project":"p","path":"x","value":"v"}`).status, 201)
	is.True(p.stop(t, syscall.SIGKILL) != nil) // leaves a write-ahead log to recover
	before := files(t, dir)
	p = command(t, dir, "MSA_MASTER_KEY="+crypto.NewKey().Text())
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "wrong master key"))
	is.True(strings.Contains(p.stderr.String(), "use the new key after a change (MSA_MASTER_KEY_FILE)"))
	is.Equal(files(t, dir), before)
}

func TestHelpExplainsEverySetting(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := command(t, dir)
	p.cmd.Args = append(p.cmd.Args, "--help")
	p.cmd.Stdout = &p.stdout
	is.NoErr(p.cmd.Run())
	for _, setting := range []string{"PORT", "MYVAULT_ADDR", "MYVAULT_DATA", "MYVAULT_ENV", "LOG_LEVEL", "MSA_MASTER_KEY", "MSA_MASTER_KEY_FILE", "ALLOWED_SERVICES", "TOKEN_", "ALLOW_", "DENY_"} {
		is.True(strings.Contains(p.stdout.String(), setting))
	}
	is.Equal(len(files(t, dir)), 0) // no files are created
}

// TestKilledWhileWriting kills the server with SIGKILL while four clients write, and checks that
// every acknowledged version exists.
func TestKilledWhileWriting(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	acknowledged := make(map[string]int) // path: version
	var mu sync.Mutex
	for round := range 3 {
		p := start(t, dir)
		c := p.headers(t)
		var writers sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for w := range 4 {
			writers.Go(func() {
				for i := 0; ; i++ {
					path := fmt.Sprintf("prod/w%d-%d", w, i%3)
					a, err := p.ask(c, "PATCH", "/api/secrets/p/"+path, `{"value":"v"}`)
					if err == nil && a.status == 404 {
						a, err = p.ask(c, "POST", "/api/secrets", `{"project":"p","path":"`+path+`","value":"v"}`)
					}
					if err != nil {
						return // killed
					}
					mu.Lock()
					acknowledged[path] = a.secret(t).Version
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 100 + 50*round {
			<-enough
		}
		is.True(p.stop(t, syscall.SIGKILL) != nil)
		writers.Wait()
	}
	p := start(t, dir)
	c := p.headers(t)
	total := 0
	for path, version := range acknowledged {
		got := p.must(t, c, "GET", "/api/secrets/p/"+path, "").secret(t).Version
		is.True(got >= version && got <= version+1) // a request in flight may have succeeded
		total += version
	}
	is.True(total >= 300)
	is.NoErr(p.stop(t, syscall.SIGTERM))
	verify(t, dir)
}

// verify opens the store of a first run and checks both chains.
func verify(t *testing.T, dir string) {
	t.Helper()
	is := is.New(t)
	text, err := os.ReadFile(filepath.Join(dir, "data/.env"))
	is.NoErr(err)
	_, key, _ := strings.Cut(string(text), "MSA_MASTER_KEY=")
	parsed, err := crypto.ParseKey(strings.TrimSpace(key))
	is.NoErr(err)
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "data"), sqlite.StaticKey(parsed), sqlite.Config{})
	is.NoErr(err)
	defer store.Close()
	_, err = store.Verify(t.Context())
	is.NoErr(err)
}

// TestRequestsInFlightFinish sends half a request, then SIGTERM, then the rest.
func TestRequestsInFlightFinish(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir())
	c := p.headers(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	is.NoErr(err)
	defer conn.Close()
	body := `{"project":"p","path":"x","value":"v"}`
	_, err = fmt.Fprintf(conn, "POST /api/secrets HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Service: %s\r\nX-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		c.service, c.token, len(body))
	is.NoErr(err)
	answers := bufio.NewReader(conn)
	status, err := answers.ReadString('\n')
	is.NoErr(err)
	is.Equal(status, "HTTP/1.1 100 Continue\r\n") // the handler is reading the body
	_, err = answers.ReadString('\n')
	is.NoErr(err)
	_, err = conn.Write([]byte(body[:10]))
	is.NoErr(err)
	is.NoErr(p.cmd.Process.Signal(syscall.SIGTERM))
	await(t, "the end of listening", func() bool {
		another, err := net.Dial("tcp", conn.RemoteAddr().String())
		if err == nil {
			_ = another.Close()
		}
		return err != nil
	})
	_, err = conn.Write([]byte(body[10:]))
	is.NoErr(err)
	status, err = answers.ReadString('\n')
	is.NoErr(err)
	is.Equal(status, "HTTP/1.1 201 Created\r\n")
	is.NoErr(<-p.exited)
}

// TestCanaryStaysInside searches for a value and a token in all output of the server.
func TestCanaryStaysInside(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	const canary = "canary-0451-value"
	p := start(t, dir, "LOG_LEVEL=DEBUG")
	c := p.headers(t)
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"`+canary+`"}`).status, 201)
	responses := []response{
		p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"`+canary+`"}`),
		p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","valeu":"`+canary+`"}`),
		p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"`+canary),
		p.must(t, c, "PATCH", "/api/secrets/p/prod/none", `{"value":"`+canary+`"}`),
		p.must(t, c, "GET", "/api/secrets?project=p", ""),
		p.must(t, c, "GET", "/api/versions/p/prod/x", ""),
		p.must(t, c, "GET", "/api/secrets/p//"+canary, ""),
		p.must(t, c, "GET", "/api/secrets/p/prod/x?version="+canary, ""),
		p.must(t, c, "GET", "/api/audit", ""),
		p.must(t, caller{"local", canary}, "GET", "/api/secrets/p/prod/x", ""),
		p.must(t, caller{canary, c.token}, "GET", "/api/secrets/p/prod/x", ""),
		p.must(t, c, "DELETE", "/api/secrets/p/prod/x", ""),
		p.must(t, c, "GET", "/health", ""),
	}
	for i, a := range responses {
		text := fmt.Sprint(a)
		if strings.Contains(text, canary) || strings.Contains(text, c.token) {
			t.Errorf("response %d contains a secret: %s", i, text)
		}
	}
	running := files(t, filepath.Join(dir, "data"))
	is.NoErr(p.stop(t, syscall.SIGTERM))
	logs := p.stdout.String() + p.stderr.String()
	is.True(strings.Contains(logs, "/api/secrets/{project}")) // requests are logged, by pattern
	for _, secret := range []string{canary, c.token} {
		is.True(!strings.Contains(logs, secret))
	}
	is.True(!strings.Contains(logs, "prod/x")) // never the path
	for _, all := range []map[string]string{running, files(t, filepath.Join(dir, "data"))} {
		is.True(len(all) >= 5)
		for name, text := range all {
			if strings.Contains(text, canary) {
				t.Errorf("%s contains the value", name)
			}
		}
	}
}
