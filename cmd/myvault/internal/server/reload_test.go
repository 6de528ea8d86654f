package server_test

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

// startWithRules starts the server with goodEnv and other rules.
func startWithRules(t *testing.T, rules string, settings ...string) *process {
	t.Helper()
	dir := t.TempDir()
	replace(t, filepath.Join(dir, ".env"), envWithRules(rules))
	return start(t, dir, settings...)
}

// envWithRules returns goodEnv with other rules.
func envWithRules(rules string) string { return strings.Replace(goodEnv, "newsbot/", rules, 1) }

// replace replaces a file atomically.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// allowed returns the rules of svc, or "" if its token is rejected.
func (p *process) allowed(t *testing.T) string {
	t.Helper()
	var me struct{ Allow []string }
	_ = json.Unmarshal([]byte(p.must(t, svc, "GET", "/api/whoami", "").body), &me)
	return strings.Join(me.Allow, ",")
}

// await waits until ok returns true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("timeout: %s", what)
}

// TestReloadUnderLoad alternates two policies with SIGHUP while clients send requests that only
// both together would allow. Each response must follow one of the two policies.
func TestReloadUnderLoad(t *testing.T) {
	is := is.New(t)
	p := startWithRules(t, "a/")
	var done atomic.Bool
	var requests, switches atomic.Int64
	var clients sync.WaitGroup
	const both = `{"changes":[{"op":"put","project":"a","path":"x","value":"v"},{"op":"put","project":"b","path":"x","value":"v"}]}`
	for n := range 4 {
		p := p.withOwnClient(t)
		clients.Go(func() {
			for last := ""; !done.Load(); requests.Add(1) {
				if a, err := p.ask(svc, "POST", "/api/changes", both); err != nil || a.status != 403 {
					t.Errorf("status %d, %v", a.status, err)
				}
				if n == 0 {
					now := p.allowed(t)
					if now != "a/" && now != "b/" {
						t.Errorf("the rules are %q", now)
					}
					if now != last {
						switches.Add(1)
					}
					last = now
				}
			}
		})
	}
	const reloads = 12
	for n := 0; n < reloads || switches.Load() < reloads/2 && !t.Failed(); n++ { // until clients have seen both
		rules := []string{"b/", "a/"}[n%2]
		replace(t, filepath.Join(p.dir, ".env"), envWithRules(rules))
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, rules, func() bool { return p.allowed(t) == rules })
	}
	done.Store(true)
	clients.Wait()
	t.Logf("%d requests, %d switches", requests.Load(), switches.Load())
	await(t, "a log line for each reload", func() bool { return strings.Count(p.stderr.String(), "the policy is reloaded") >= reloads })
}

// TestChangedFileIsReloaded covers a switched symbolic link, a renamed file, and a file that is
// written in place.
func TestChangedFileIsReloaded(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	env := filepath.Join(dir, ".env")
	switchLink := func(version, rules string) { // like a Kubernetes mount
		data := filepath.Join(dir, "..data")
		is.NoErr(os.Mkdir(filepath.Join(dir, version), 0o700))
		is.NoErr(os.WriteFile(filepath.Join(dir, version, ".env"), []byte(envWithRules(rules)), 0o600))
		is.NoErr(os.Symlink(version, data+"_tmp"))
		is.NoErr(os.Rename(data+"_tmp", data))
	}
	switchLink("..v1", "first/")
	is.NoErr(os.Symlink(filepath.Join("..data", ".env"), env))
	p := start(t, dir)
	is.Equal(p.allowed(t), "first/")
	switchLink("..v2", "linked/")
	await(t, "the switched link", func() bool { return p.allowed(t) == "linked/" })
	replace(t, env, envWithRules("renamed/"))
	await(t, "the renamed file", func() bool { return p.allowed(t) == "renamed/" })
	is.NoErr(os.WriteFile(env, []byte(envWithRules("written/")), 0o600))
	await(t, "the file written in place", func() bool { return p.allowed(t) == "written/" })
}

// TestABadFileKeepsThePolicy makes one change to a good .env at a time.
func TestABadFileKeepsThePolicy(t *testing.T) {
	t.Parallel()
	p := startWithRules(t, "newsbot/", "MYVAULT_ADDR=0.0.0.0:0", "MYVAULT_PLAINTEXT=true")
	p.url = "http://127.0.0.1" + p.url[strings.LastIndex(p.url, ":"):]
	env := filepath.Join(p.dir, ".env")
	for n, c := range []struct{ line, becomes, want string }{
		{"ALLOW_svc=newsbot/", "ALLOW_svc=other/,newsbot/**", "ALLOW_svc: item 2"},
		{"ALLOW_svc=newsbot/", "ALLOW_svc=other/\nTOKE_svc=canary", "line 4"},
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc=canary", "16 characters"}, // not allowed beyond loopback
		{"TOKEN_svc=canary-token-0123456789", "TOKEN_svc='canary-token", "line 2: TOKEN_svc"},
		{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES=other", "TOKEN_other"},
		{"MSA_MASTER_KEY=", "LOG_FORMAT=canary\nMSA_MASTER_KEY=", "setting LOG_FORMAT: invalid value"},
		{"MSA_MASTER_KEY=", "MYVAULT_DUE=canary\nMSA_MASTER_KEY=", "MYVAULT_DUE is not a service"},
		{goodEnv, "", "ALLOWED_SERVICES"},
	} {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			before := len(p.stderr.String())
			replace(t, env, strings.Replace(goodEnv, c.line, c.becomes, 1))
			is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
			output := func() string { return p.stderr.String()[before:] }
			await(t, "the error: "+c.want, func() bool { // messages about the previous file may come late
				return strings.Contains(output(), "the policy is not reloaded") && strings.Contains(output(), c.want)
			})
			is.Equal(p.allowed(t), "newsbot/") // unchanged
			if n%2 == 0 {                      // every other error follows a good file
				replace(t, env, goodEnv)
				is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
				await(t, "reloaded", func() bool { return strings.Contains(output(), "the policy is reloaded") })
			}
		})
	}
	is := is.New(t)
	before := len(p.stderr.String())
	is.NoErr(os.Remove(env))
	await(t, "the missing file", func() bool { return strings.Contains(p.stderr.String()[before:], "no such file") })
	is.Equal(p.allowed(t), "newsbot/")
	checkNoSecret(is, p.stderr.String())
}

// TestReloadReports checks the messages about settings that need a restart and about rules without
// effect.
func TestReloadReports(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := startWithRules(t, "newsbot/,newsbot/x/", "LOG_FORMAT=json")
	await(t, "the finding at the start", func() bool { return strings.Contains(p.stderr.String(), "ALLOW_svc") })
	before := len(p.stderr.String())
	replace(t, filepath.Join(p.dir, ".env"), goodEnv+"MYVAULT_HOSTS=canary\nLOG_LEVEL=WARN\nDENY_svc=elsewhere/\n")
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the messages", func() bool { return strings.Contains(p.stderr.String()[before:], "next start") })
	output := p.stderr.String()[before:]
	is.True(strings.Contains(output, `"settings":"MYVAULT_HOSTS, LOG_LEVEL"`))
	is.True(strings.Contains(output, `"settings":"DENY_svc"`))
	is.True(!strings.Contains(output, "canary") && !strings.Contains(output, "elsewhere"))
	for line := range strings.Lines(p.stderr.String()) {
		is.True(json.Valid([]byte(line))) // LOG_FORMAT
	}
}

// TestAHangupReadsNoHalfFile writes a .env in two steps. Its first part is valid but has no DENY
// rule.
func TestAHangupReadsNoHalfFile(t *testing.T) {
	t.Parallel()
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
		output := func() string { return p.stderr.String()[before:] }
		await(t, "a reload", func() bool { return strings.Contains(output(), "the policy is reloaded") })
		if took > 200*time.Millisecond && turn < 20 {
			continue // the machine was so busy that the first part was stable
		}
		is.True(!strings.Contains(output(), "deny rules were removed"))
		break
	}
	before := len(p.stderr.String())
	is.NoErr(os.WriteFile(env, []byte(goodEnv), 0o600)) // and remains so
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "a warning", func() bool { return strings.Contains(p.stderr.String()[before:], "deny rules were removed") })
	is.True(strings.Contains(p.stderr.String()[before:], "DENY_svc"))
	warned := func() int { return strings.Count(p.stderr.String(), "deny rules were removed") }
	is.Equal(warned(), 1)
	reloads := strings.Count(p.stderr.String(), `msg="the policy is reloaded"`)
	for n := range 3 { // later reloads do not repeat the warning
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, "another reload", func() bool { return strings.Count(p.stderr.String(), `msg="the policy is reloaded"`) > reloads+n })
	}
	is.Equal(warned(), 1)
	is.True(!strings.Contains(p.stderr.String(), "newsbot/canary"))
}

// TestRevertAfterHangup reverts the .env before it is polled. The revert must take effect too.
func TestRevertAfterHangup(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := startWithRules(t, "first/")
	env := filepath.Join(p.dir, ".env")
	for range 3 { // at least one of them falls between two polls
		replace(t, env, envWithRules("second/"))
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, "the second rules", func() bool { return p.allowed(t) == "second/" })
		replace(t, env, envWithRules("first/"))
		await(t, "the first rules", func() bool { return p.allowed(t) == "first/" })
	}
}

// TestHangupWithoutEnvFile checks that SIGHUP reports an error and does not end the server.
func TestHangupWithoutEnvFile(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	settings := append(strings.Fields(goodEnv), "MYVAULT_PROVIDER=memory")
	p := start(t, t.TempDir(), settings...)
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the error", func() bool { return strings.Contains(p.stderr.String(), "no .env: the policy") })
	is.Equal(p.allowed(t), "newsbot/")
}

// TestLint runs lint with valid and invalid rules.
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
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(envWithRules(c.rules)), 0o600))
			p := command(t, dir)
			p.subcommand("lint")
			p.cmd.Stdout = &p.stdout
			err := p.cmd.Run()
			is.Equal(err == nil, c.want == "")
			output := fmt.Sprint(p.stdout.String(), p.stderr.String())
			is.True(strings.Contains(output, c.want))
			is.Equal(len(files(t, dir)), 1) // no new files
		})
	}
}
