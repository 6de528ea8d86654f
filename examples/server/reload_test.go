package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

// svc is the service of goodEnv.
var svc = caller{"svc", "canary-token-0123456789"}

// serving starts the server with a .env that is goodEnv with other rules.
func serving(t *testing.T, rules string, settings ...string) *process {
	t.Helper()
	dir := t.TempDir()
	replace(t, filepath.Join(dir, ".env"), allowing(rules))
	return start(t, dir, settings...)
}

func allowing(rules string) string { return strings.Replace(goodEnv, "newsbot/", rules, 1) }

// replace puts a new file in the place of the old one, as careful programs do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// allowed gives the rules that svc has; "" where its token is refused.
func (p *process) allowed(t *testing.T) string {
	t.Helper()
	var me struct{ Allow []string }
	_ = json.Unmarshal([]byte(p.must(t, svc, "GET", "/api/whoami", "").body), &me)
	return strings.Join(me.Allow, ",")
}

// await waits until ok, which something else brings about.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// TestReloadUnderLoad: two policies of which neither allows what both together would take turns
// at each SIGHUP, while clients ask. No answer is that of anything but one of the two.
func TestReloadUnderLoad(t *testing.T) {
	is := is.New(t)
	p := serving(t, "a/")
	var done atomic.Bool
	var asked, turns atomic.Int64
	var clients sync.WaitGroup
	const both = `{"changes":[{"op":"put","project":"a","path":"x","value":"v"},{"op":"put","project":"b","path":"x","value":"v"}]}`
	for n := range 4 {
		p := p.apart(t)
		clients.Go(func() {
			for last := ""; !done.Load(); asked.Add(1) {
				if a, err := p.ask(svc, "POST", "/api/changes", both); err != nil || a.status != 403 {
					t.Errorf("both at once: %d %v", a.status, err)
				}
				if n == 0 {
					now := p.allowed(t)
					if now != "a/" && now != "b/" {
						t.Errorf("the rules are %q", now)
					}
					if now != last {
						turns.Add(1)
					}
					last = now
				}
			}
		})
	}
	for n := 0; n < 40 || turns.Load() < 10 && !t.Failed(); n++ { // until the clients met both
		rules := []string{"b/", "a/"}[n%2]
		replace(t, filepath.Join(p.dir, ".env"), allowing(rules))
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, rules, func() bool { return p.allowed(t) == rules })
	}
	done.Store(true)
	clients.Wait()
	t.Logf("%d requests met %d turns", asked.Load(), turns.Load())
	await(t, "a word on each", func() bool { return strings.Count(p.stderr.String(), "the policy is reloaded") >= 40 })
}

// TestAChangedFileIsReloaded whichever way it changes.
func TestAChangedFileIsReloaded(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	env := filepath.Join(dir, ".env")
	turn := func(version, rules string) { // as Kubernetes mounts files
		data := filepath.Join(dir, "..data")
		is.NoErr(os.Mkdir(filepath.Join(dir, version), 0o700))
		is.NoErr(os.WriteFile(filepath.Join(dir, version, ".env"), []byte(allowing(rules)), 0o600))
		is.NoErr(os.Symlink(version, data+"_tmp"))
		is.NoErr(os.Rename(data+"_tmp", data))
	}
	turn("..v1", "first/")
	is.NoErr(os.Symlink(filepath.Join("..data", ".env"), env))
	p := start(t, dir)
	is.Equal(p.allowed(t), "first/")
	turn("..v2", "turned/")
	await(t, "a link that was turned", func() bool { return p.allowed(t) == "turned/" })
	replace(t, env, allowing("renamed/"))
	await(t, "renamed over", func() bool { return p.allowed(t) == "renamed/" })
	is.NoErr(os.WriteFile(env, []byte(allowing("written/")), 0o600))
	await(t, "written in place", func() bool { return p.allowed(t) == "written/" })
}

// TestABadFileKeepsThePolicy changes one line of a good .env at a time.
func TestABadFileKeepsThePolicy(t *testing.T) {
	p := serving(t, "newsbot/", "MYVAULT_ADDR=0.0.0.0:0", "MYVAULT_PLAINTEXT=true")
	p.url = "http://127.0.0.1" + p.url[strings.LastIndex(p.url, ":"):]
	env := filepath.Join(p.dir, ".env")
	for n, c := range []struct{ line, becomes, want string }{
		{"ALLOW_svc=newsbot/", "ALLOW_svc=other/,newsbot/**", "ALLOW_svc: item 2"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=other/\nTOKE_svc=canary", "line 4"},
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc=canary", "16 characters"}, // others reach the address
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc='canary-token", "line 2: TOKEN_svc"},
		{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES=other", "TOKEN_other"},
		{"MSA_MASTER_KEY=", "LOG_FORMAT=canary\nMSA_MASTER_KEY=", "setting LOG_FORMAT does not parse"},
		{"MSA_MASTER_KEY=", "MYVAULT_DUE=canary\nMSA_MASTER_KEY=", "MYVAULT_DUE names no service"},
		{goodEnv, "", "ALLOWED_SERVICES"},
	} {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			before := len(p.stderr.String())
			replace(t, env, strings.Replace(goodEnv, c.line, c.becomes, 1))
			is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
			said := func() string { return p.stderr.String()[before:] }
			await(t, "what to mend: "+c.want, func() bool { // what is said of the file before may come late
				return strings.Contains(said(), "the policy is not reloaded") && strings.Contains(said(), c.want)
			})
			is.Equal(p.allowed(t), "newsbot/") // as before
			if n%2 == 0 {                      // each by its own way
				replace(t, env, goodEnv)
				is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
				await(t, "reloaded", func() bool { return strings.Contains(said(), "the policy is reloaded") })
			}
		})
	}
	is := is.New(t)
	before := len(p.stderr.String())
	is.NoErr(os.Remove(env))
	await(t, "that it is gone", func() bool { return strings.Contains(p.stderr.String()[before:], "no such file") })
	is.Equal(p.allowed(t), "newsbot/")
	holdsNoSecret(is, p.stderr.String())
}

// TestReloadSaysWhatItCannot reload, and what has no effect.
func TestReloadSaysWhatItCannot(t *testing.T) {
	is := is.New(t)
	p := serving(t, "newsbot/,newsbot/x/", "LOG_FORMAT=json")
	await(t, "the finding at the start", func() bool { return strings.Contains(p.stderr.String(), "ALLOW_svc") })
	before := len(p.stderr.String())
	replace(t, filepath.Join(p.dir, ".env"), goodEnv+"MYVAULT_HOSTS=canary\nLOG_LEVEL=WARN\nDENY_svc=elsewhere/\n")
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "both", func() bool { return strings.Contains(p.stderr.String()[before:], "next start") })
	said := p.stderr.String()[before:]
	is.True(strings.Contains(said, `"settings":"MYVAULT_HOSTS, LOG_LEVEL"`))
	is.True(strings.Contains(said, `"settings":"DENY_svc"`))
	is.True(!strings.Contains(said, "canary") && !strings.Contains(said, "elsewhere"))
	for line := range strings.Lines(p.stderr.String()) {
		is.True(json.Valid([]byte(line))) // LOG_FORMAT
	}
}

// TestAHangupReadsNoHalfFile: one that is cut before its last line parses, and denies nothing.
func TestAHangupReadsNoHalfFile(t *testing.T) {
	is := is.New(t)
	whole := goodEnv + "DENY_svc=newsbot/canary/\n"
	dir := t.TempDir()
	env := filepath.Join(dir, ".env")
	is.NoErr(os.WriteFile(env, []byte(whole), 0o600))
	p := start(t, dir)
	for turn := 0; ; turn++ {
		before := len(p.stderr.String())
		begun := time.Now()
		is.NoErr(os.WriteFile(env, []byte(goodEnv), 0o600))
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		time.Sleep(50 * time.Millisecond)
		is.NoErr(os.WriteFile(env, []byte(whole), 0o600))
		took := time.Since(begun)
		said := func() string { return p.stderr.String()[before:] }
		await(t, "a reload", func() bool { return strings.Contains(said(), "the policy is reloaded") })
		if took > 200*time.Millisecond && turn < 20 {
			continue // a busy machine: the half file stood still
		}
		is.True(!strings.Contains(said(), "rules that deny are gone"))
		break
	}
	before := len(p.stderr.String())
	is.NoErr(os.WriteFile(env, []byte(goodEnv), 0o600)) // it stays so
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "a warning", func() bool { return strings.Contains(p.stderr.String()[before:], "rules that deny are gone") })
	is.True(strings.Contains(p.stderr.String()[before:], "DENY_svc"))
	warned := func() int { return strings.Count(p.stderr.String(), "rules that deny are gone") }
	is.Equal(warned(), 1)
	reloads := strings.Count(p.stderr.String(), `msg="the policy is reloaded"`)
	for n := range 3 { // it is told once, by whichever reload was the first
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, "another reload", func() bool { return strings.Count(p.stderr.String(), `msg="the policy is reloaded"`) > reloads+n })
	}
	is.Equal(warned(), 1)
	is.True(!strings.Contains(p.stderr.String(), "newsbot/canary"))
}

// TestAHangupIsTakenBack: the .env is put back before it was looked at, and is in force as any other change.
func TestAHangupIsTakenBack(t *testing.T) {
	is := is.New(t)
	p := serving(t, "first/")
	env := filepath.Join(p.dir, ".env")
	for range 3 { // at one of them at least between two looks
		replace(t, env, allowing("second/"))
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, "a hangup", func() bool { return p.allowed(t) == "second/" })
		replace(t, env, allowing("first/"))
		await(t, "what was there before", func() bool { return p.allowed(t) == "first/" })
	}
}

// TestWithoutAFileNothingIsReloaded, and SIGHUP does not end the server.
func TestWithoutAFileNothingIsReloaded(t *testing.T) {
	is := is.New(t)
	settings := append(strings.Fields(goodEnv), "MYVAULT_PROVIDER=memory")
	p := start(t, t.TempDir(), settings...)
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "a word on it", func() bool { return strings.Contains(p.stderr.String(), "there is no .env") })
	is.Equal(p.allowed(t), "newsbot/")
}

// TestLint checks a .env without starting anything.
func TestLint(t *testing.T) {
	for _, c := range []struct{ rules, want string }{
		{"newsbot/", ""},
		{"newsbot/,newsbot/prod/", "ALLOW_svc: newsbot/prod/: it adds nothing to newsbot/"},
		{"newsbot/\nDENY_svc=other/", "DENY_svc: other/"},
		{"newsbot", "ALLOW_svc: item 1"},
		{"newsbot/\nTOKEN_other=x", "TOKEN_other"},
	} {
		t.Run(c.rules, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(allowing(c.rules)), 0o600))
			p := command(t, dir)
			p.cmd.Args = append(p.cmd.Args, "-lint")
			p.cmd.Stdout = &p.stdout
			err := p.cmd.Run()
			is.Equal(err == nil, c.want == "")
			said := fmt.Sprint(p.stdout.String(), p.stderr.String())
			is.True(strings.Contains(said, c.want))
			is.Equal(len(files(t, dir)), 1) // nothing is made
		})
	}
}
