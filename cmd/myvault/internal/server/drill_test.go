package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// drill is the working directory of a server after its first run, with a secret. It records the
// keys and backups, which an operator must never lose.
type drill struct {
	t        *testing.T
	dir      string
	keys     map[string]bool   // texts of all keys that were ever current
	backups  map[string][]byte // by path
	verified map[string]bool   // backups by path; they need no second check if their bytes stay the same
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	d := &drill{t: t, dir: t.TempDir(), keys: map[string]bool{}, backups: map[string][]byte{}, verified: map[string]bool{}}
	t.Setenv("TMPDIR", t.TempDir()) // where backups are verified
	data := filepath.Join(d.dir, "data")
	if err := setup.FirstRun(data); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), data, sqlite.StaticKey(d.key()), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		_, err = s.Apply(t.Context(), myvault.Commit{By: "svc", At: time.Now(), Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: "prod/x"}, Value: myvault.Text(fmt.Sprint("value ", n))},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d.record()
	return d
}

// key returns the key that the server would use.
func (d *drill) key() crypto.Key {
	d.t.Helper()
	_, keys, err := setup.StoreSettings([]string{"MYVAULT_ENV=" + filepath.Join(d.dir, "data", ".env")})
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := keys(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return key
}

// record records the current key and all backups.
func (d *drill) record() {
	d.t.Helper()
	if store, err := d.open(d.key()); err == nil {
		d.keys[d.key().Text()] = true
		_ = store.Close()
	}
	paths, err := filepath.Glob(filepath.Join(d.dir, "backup-*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, path := range paths {
		if d.backups[path] == nil {
			if d.backups[path], err = os.ReadFile(path); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

func (d *drill) open(key crypto.Key) (*sqlite.Store, error) {
	return sqlite.Open(d.t.Context(), filepath.Join(d.dir, "data"), sqlite.StaticKey(key), sqlite.Config{})
}

// onDisk returns the keys in the .env and in the key files next to it.
func (d *drill) onDisk() map[string]crypto.Key {
	found := map[string]crypto.Key{}
	files, _ := filepath.Glob(filepath.Join(d.dir, "data", "master.key*"))
	for _, file := range files {
		if key, err := crypto.ReadKeyFile(file); err == nil {
			found[key.Text()] = key
		}
	}
	found[d.key().Text()] = d.key()
	return found
}

// check checks that no key and no backup is lost.
func (d *drill) check() {
	d.t.Helper()
	d.record()
	keys, open := d.onDisk(), false
	for text := range d.keys {
		if _, there := keys[text]; !there {
			d.t.Fatal("a former key is lost")
		}
	}
	for _, key := range keys {
		store, err := d.open(key)
		if err == nil {
			err = store.Close()
		}
		open = open || err == nil
	}
	if !open {
		d.t.Fatal("no key opens the store")
	}
	for path, before := range d.backups {
		now, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(now, before) {
			d.t.Fatalf("%s is lost: %v", filepath.Base(path), err)
		}
		if !d.verified[path] && !strings.HasSuffix(path, ".heads") {
			d.verifyBackup(path, keys)
			d.verified[path] = true
		}
	}
}

// verifyBackup checks that one of the keys opens a backup.
func (d *drill) verifyBackup(path string, keys map[string]crypto.Key) {
	d.t.Helper()
	for _, key := range keys {
		_, err := sqlite.VerifyBackup(d.t.Context(), path, sqlite.StaticKey(key))
		if err == nil {
			return
		}
		if !errors.Is(err, myvault.ErrWrongKey) {
			d.t.Fatal(err)
		}
	}
	d.t.Fatalf("no key opens %s", filepath.Base(path))
}

// buildPrograms builds the programs that the blocks run and returns their directory.
func buildPrograms(t *testing.T, blocks []block) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator))
	for _, b := range blocks {
		build.Args = append(build.Args, running.FindAllString(b.text, -1)...)
	}
	for i, arg := range build.Args {
		build.Args[i] = strings.TrimPrefix(arg, "go run ")
	}
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

var running = regexp.MustCompile(`go run \./(?:cmd|examples)/\w+`)

// run runs a script in a directory, with the programs of buildPrograms. Unless after is 0, it kills
// the script and its child processes that long after the script has printed lastLine.
func (d *drill) run(dir, programs, script string, after time.Duration, settings ...string) error {
	d.t.Helper()
	for _, folder := range []string{"cmd", "examples"} {
		script = strings.ReplaceAll(script, "go run ./"+folder+"/", filepath.ToSlash(programs)+"/")
	}
	shell := exec.Command("sh", "-e", "-c", script)
	shell.Dir = dir
	shell.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.t.TempDir()}, settings...)
	var out bytes.Buffer
	shell.Stderr = &out
	group(shell)
	reached, err := shell.StdoutPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	text := make([]byte, 1<<16)
	for n, err := reached.Read(text); err == nil; n, err = reached.Read(text) {
		if after > 0 && bytes.Contains(text[:n], []byte(lastLine)) {
			time.Sleep(after) // any point of the script may be reached by then
			kill(shell)
		}
	}
	if err := shell.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, out.String())
	}
	return nil
}

const lastLine = "the last line begins"

// TestEveryBlockOfOperateCanBeRepeated runs each block twice, stopped before each line, killed in
// each line, and in another directory. No key or backup may be lost, and a complete run must
// succeed afterwards.
func TestEveryBlockOfOperateCanBeRepeated(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the blocks are for a Unix shell")
	}
	_, blocks := page(t, "docs/operate.md")
	programs := buildPrograms(t, blocks)
	found := 0
	for _, b := range blocks {
		if b.language != "sh" {
			continue
		}
		found++
		lines := strings.SplitAfter(strings.TrimSpace(b.text)+"\n", "\n")
		lines = lines[:len(lines)-1]
		for n, line := range lines {
			if strings.HasPrefix(line, "#") {
				continue
			}
			t.Run(fmt.Sprintf("line %d", b.line+n+1), func(t *testing.T) {
				d := newDrill(t)
				cut := strings.Join(lines[:n], "") + "echo " + lastLine + "\n" + line
				for _, after := range []time.Duration{0, time.Millisecond, 15 * time.Millisecond} {
					_ = d.run(d.dir, programs, cut, after)
					d.check()
				}
				d.repeat(programs, b.text)
			})
		}
	}
	is.New(t).True(found >= 1)
}

// repeat runs a complete block twice. Before that, it runs the block in another directory: it must
// fail there without creating files.
func (d *drill) repeat(programs, block string) {
	d.t.Helper()
	is := is.New(d.t)
	otherDir := d.t.TempDir()
	is.True(d.run(otherDir, programs, block, 0) != nil)
	entries, err := os.ReadDir(otherDir)
	is.NoErr(err)
	is.Equal(len(entries), 0)
	d.check()
	before := len(d.keys)
	for n := 0; n < 2; n++ {
		err := d.run(d.dir, programs, block, 0)
		if err != nil && strings.Contains(err.Error(), fs.ErrExist.Error()) {
			n-- // the name has a time in seconds, and was used in this second
			continue
		}
		is.NoErr(err)
		d.check()
	}
	is.True(len(d.keys) >= before+2)
}

// TestBlocksDoNotOverwrite finds shell redirections in the documents. They would truncate an
// existing file before the command runs.
func TestBlocksDoNotOverwrite(t *testing.T) {
	replaces := regexp.MustCompile(`[^->|=&2]> ?["$./\w]`)
	for _, name := range append(pages, "SECURITY.md", "CONTRIBUTING.md") {
		text, blocks := page(t, name)
		for _, b := range blocks {
			if b.language != "sh" {
				continue
			}
			for line := range strings.Lines(b.text) {
				if replaces.MatchString(line) && !strings.Contains(line, "> /dev/null") && !strings.Contains(line, "set -C") {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "    ") && replaces.MatchString(line) && !strings.Contains(line, "> /dev/null") && !strings.Contains(line, "set -C") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// TestCertificatesBlockCanBeRepeated checks that a second run keeps the certificates and the .env.
func TestCertificatesBlockCanBeRepeated(t *testing.T) {
	_, blocks := page(t, "docs/deploy.md")
	for _, b := range blocks {
		if !strings.Contains(b.text, "openssl") {
			continue
		}
		is := is.New(t)
		d := newDrill(t)
		var before map[string]string
		for range 2 {
			is.NoErr(d.run(d.dir, "", b.text, 0))
			now := map[string]string{}
			for _, name := range []string{"tls/ca.key", "tls/ca.pem", "tls/server.key", "tls/newsbot.key", "data/.env"} {
				text, err := os.ReadFile(filepath.Join(d.dir, name))
				is.NoErr(err)
				now[name] = string(text)
			}
			if before != nil {
				is.Equal(now, before)
			}
			before = now
		}
		return
	}
	t.Fatal("docs/deploy.md has no block with openssl")
}
