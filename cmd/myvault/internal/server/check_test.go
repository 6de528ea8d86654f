package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// invalidChanges are single changes to goodEnv with which a start, lint and a reload fail.
var invalidChanges = []struct{ line, becomes, want string }{
	{"MSA_", "MYVAULT_FORWARDERS=canary\nMSA_", "setting MYVAULT_FORWARDERS"},
	{"MSA_", "MYVAULT_ORIGINS=canary\nMSA_", "setting MYVAULT_ORIGINS"},
	{"MSA_", "MYVAULT_HOSTS='canary b'\nMSA_", "setting MYVAULT_HOSTS"},
	{"MSA_", "MYVAULT_HOSTS=http://canary/\nMSA_", "setting MYVAULT_HOSTS"},
	{"MSA_", "MYVAULT_METRICS_ADDR=canary\nMSA_", "MYVAULT_METRICS_ADDR"},
	{"MSA_", "MYVAULT_PROVIDER=sqlit\nMSA_", "MYVAULT_PROVIDER"},
	{"MSA_", "MYVAULT_PROVIDER=hashivault\nMSA_", "VAULT_ADDR"},
	{"MSA_", vaultAt("canary") + "MSA_", "setting VAULT_ADDR"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_MOUNT=canary/../b\nMSA_", "setting VAULT_MOUNT"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_BASE=canary?\nMSA_", "setting VAULT_BASE"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_KEEP_VERSIONS=-1\nMSA_", "setting VAULT_KEEP_VERSIONS"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_CACERT=/none/canary\nMSA_", "setting VAULT_CACERT"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_CLIENT_CERT=/none/canary\nVAULT_CLIENT_KEY=/none/canary\nMSA_", "VAULT_CLIENT_CERT"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "VAULT_TOKEN_FILE=/none/canary\nMSA_", "VAULT_TOKEN_FILE"},
	{"MSA_", "MYVAULT_DATA=.env\nMSA_", "setting MYVAULT_DATA"},
	{"MSA_", "MYVAULT_DATA=.env/canary\nMSA_", "setting MYVAULT_DATA"},
	{"MSA_", "MYVAULT_ADDR=127.0.0.1:8001\nMYVAULT_METRICS_ADDR=127.0.0.1:8001\nMSA_", "MYVAULT_METRICS_ADDR is the address of the API"},
	{"MSA_", "MYVAULT_ADDR=127.0.0.1:8001\nMYVAULT_METRICS_ADDR=:8001\nMSA_", "MYVAULT_METRICS_ADDR is the address of the API"},
	{"MSA_", "MYVAULT_TLS_CERT=/none/canary.pem\nMYVAULT_TLS_KEY=.env\nMSA_", "setting MYVAULT_TLS_CERT"},
	{"MSA_", "MYVAULT_TLS_CERT=.env\nMYVAULT_TLS_KEY=/none/canary.key\nMSA_", "setting MYVAULT_TLS_KEY"},
	{"MSA_", "MYVAULT_TLS_CERT=.env\nMYVAULT_TLS_KEY=.env\nMSA_", "MYVAULT_TLS_CERT, MYVAULT_TLS_KEY: "},
	{"MSA_", "MYVAULT_TLS_CERT=.env\nMYVAULT_TLS_KEY=.env\nMYVAULT_TLS_CLIENT_CA=.env\nMSA_", "client authorities"},
	{"MSA_", "MYVAULT_TLS_CERT=.env\nMSA_", "both MYVAULT_TLS_CERT and MYVAULT_TLS_KEY"},
	{"MSA_", "MYVAULT_TLS_MIN=canary\nMSA_", "MYVAULT_TLS_MIN"},
	{"MSA_", "MYVAULT_TLS_CLIENT_REQUIRED=true\nMSA_", "MYVAULT_TLS_CLIENT_REQUIRED"},
	{"MSA_", "MYVAULT_ADDR=canary\nMSA_", "MYVAULT_ADDR"},
	{"MSA_", "MYVAULT_ADDR=0.0.0.0:0\nMSA_", "setting MYVAULT_ADDR: "},
	{"MSA_", "MYVAULT_ADDR=0.0.0.0:0\nMSA_", "MYVAULT_PLAINTEXT"},
	{"MSA_", "MYVAULT_PROVIDER=python\nMSA_", "python is only a source for myvault move"},
	{"MSA_", "MYVAULT_PROJECT_SECRETS=a=canary\nMSA_", "MYVAULT_PROJECT_SECRETS, item 1"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "MYVAULT_PROJECT_SECRETS=a=bytes:32:hex\nMSA_", "several changes at once"},
	{"MSA_", vaultAt("http://canary.example.org:8200") + "VAULT_PLAINTEXT=canary\nMSA_", "setting VAULT_PLAINTEXT: invalid value"},
	{"MSA_", "MYVAULT_PROVIDER=hashivault\nVAULT_ADDR=https://127.0.0.1:1\nVAULT_TOKEN_FILE=.\nMSA_", "VAULT_TOKEN_FILE"},
	{goodKey, "MSA_MASTER_KEY_FILE=.", "setting MSA_MASTER_KEY_FILE: "},
	{"MSA_", "MYVAULT_CONNECTIONS=-1\nMSA_", "setting MYVAULT_CONNECTIONS"},
	{"MSA_", "MYVAULT_MAX_WATCHES=-1\nMSA_", "setting MYVAULT_MAX_WATCHES"},
	{"MSA_", "MYVAULT_SWEEP=10ms\nMSA_", "MYVAULT_SWEEP"},
	{"MSA_", "MYVAULT_DRAIN=-1s\nMSA_", "setting MYVAULT_DRAIN"},
	{"MSA_", "MYVAULT_DUE=canary\nMSA_", "MYVAULT_DUE"},
	{"MSA_", "MYVAULT_PROJECT_SECRETS=prod/key=canary\nMSA_", "MYVAULT_PROJECT_SECRETS, item 1"},
	{"MSA_", vaultAt("https://127.0.0.1:1") + "MYVAULT_PROJECT_SECRETS=a=bytes:32:hex\nMSA_", "several changes at once"},
	{"MSA_", "LOG_LEVEL=canary\nMSA_", "setting LOG_LEVEL"},
	{"MSA_", "LOG_FORMAT=canary\nMSA_", "setting LOG_FORMAT"},
	{"MSA_", "MYVAULT_CONSOLE=canary\nMSA_", "setting MYVAULT_CONSOLE"},
	{svc.token, "canary\nMYVAULT_ADDR=0.0.0.0:0\nMYVAULT_PLAINTEXT=true", "16 characters"},
	{svc.token, "new-token-of-the-console\nMYVAULT_ADDR=0.0.0.0:0\nMYVAULT_PLAINTEXT=true", "examples of the documents"},
	{svc.token, svc.token + "\nCERT_svc=uri:spiffe://example.org/canary", "CERT_svc has no effect without MYVAULT_TLS_CLIENT_CA"},
	{"TOKEN_svc=" + svc.token, "TOKEN_svc=", "setting TOKEN_svc is missing"},
	{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES=svc,other", "setting TOKEN_other is missing"},
	{"ALLOWED_SERVICES=svc", "ALLOWED_SERVICES=", "ALLOWED_SERVICES"},
	{goodKey, "MSA_MASTER_KEY=short", "setting MSA_MASTER_KEY: "},
	{goodKey, "MSA_MASTER_KEY=" + publishedKey, "it is the published example"},
	{goodKey, "MSA_MASTER_KEY_FILE=/none", "setting MSA_MASTER_KEY_FILE: "},
	{goodKey, goodKey + "\nMSA_MASTER_KEY_FILE=x", "one and not both"},
	{goodKey, "", "MSA_MASTER_KEY"},
}

const (
	goodKey = "MSA_MASTER_KEY=base64:a2V5IG9mIHRoZSBzZXJ2ZXIncyB0ZXN0cyBhbG9uZSE="
	// publishedKey is the key of README.md, .env.example and testdata/seed.env.
	publishedKey = "base64:jFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6TExE="
)

func vaultAt(address string) string {
	return "MYVAULT_PROVIDER=hashivault\nVAULT_TOKEN=canary\nVAULT_ADDR=" + address + "\n"
}

// changedEnv returns goodEnv with one change.
func changedEnv(t *testing.T, line, becomes string) string {
	t.Helper()
	text := strings.Replace(goodEnv, line, becomes, 1)
	if text == goodEnv {
		t.Fatalf("goodEnv does not contain %q", line)
	}
	return text
}

// checkNoSecret fails if a log or an error contains the value of a setting.
func checkNoSecret(is *is.I, text string) {
	for _, secret := range []string{"canary", goodKey[22:30], publishedKey[7:15]} {
		is.True(!strings.Contains(text, secret))
	}
}

// TestLintRefusesWhatTheStartRefuses checks that lint and a start report the same error and
// create no files.
func TestLintRefusesWhatTheStartRefuses(t *testing.T) {
	for _, c := range invalidChanges {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(changedEnv(t, c.line, c.becomes)), 0o600))
			var output [2]string
			for n := range output {
				p := command(t, dir)
				p.cmd.Env = p.cmd.Env[:1] // no PORT
				if n == 0 {               // first, because lint always ends
					p.subcommand("lint")
				}
				is.True(p.cmd.Run() != nil)
				output[n] = strings.TrimPrefix(p.stderr.String(), "myvault: ")
			}
			is.Equal(output[1], output[0])
			is.True(strings.Contains(output[0], c.want))
			checkNoSecret(is, output[0])
			is.Equal(len(files(t, dir)), 1)
		})
	}
}

// TestAReloadRefusesWhatTheStartRefuses includes settings that only take effect at the next
// start. A .env that a reload accepts must not prevent that start.
func TestAReloadRefusesWhatTheStartRefuses(t *testing.T) {
	t.Parallel()
	p := startWithRules(t, "newsbot/")
	env := filepath.Join(p.dir, ".env")
	for _, c := range invalidChanges {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			before := len(p.stderr.String())
			output := func() string { return p.stderr.String()[before:] }
			replace(t, env, strings.Replace(changedEnv(t, c.line, c.becomes), "newsbot/", "other/", 1))
			is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
			await(t, "the error: "+c.want, func() bool { // messages about the previous file may come late
				return strings.Contains(output(), "the policy is not reloaded") && strings.Contains(output(), c.want)
			})
			is.Equal(p.allowed(t), "newsbot/") // unchanged
			is.True(!strings.Contains(output(), "the policy is reloaded"))
			checkNoSecret(is, output())
		})
	}
}

// TestAllErrorsAreReported checks that a start reports all invalid settings, not only the first.
func TestAllErrorsAreReported(t *testing.T) {
	is := is.New(t)
	wrong := []string{
		"MYVAULT_ORIGINS=x", "MYVAULT_HOSTS=http://x/", "MYVAULT_FORWARDERS=x", "MYVAULT_ADDR=0.0.0.0:0", "MSA_MASTER_KEY=short", "MYVAULT_METRICS_ADDR=x",
		"MYVAULT_SWEEP=x", "MYVAULT_DUE=x", "MYVAULT_CONNECTIONS=-1", "MYVAULT_MAX_WATCHES=-1", "MYVAULT_DRAIN=-1s", "MYVAULT_TLS_MIN=x", "ALLOW_svc=newsbot", "CERT_svc=cn:x",
	}
	p := command(t, t.TempDir(), append(strings.Fields(goodEnv), wrong...)...)
	is.True(p.cmd.Run() != nil)
	for _, setting := range wrong {
		name, _, _ := strings.Cut(setting, "=")
		if name == "MYVAULT_ADDR" {
			name = "MYVAULT_METRICS_ADDR" // the address cannot be checked without knowing whether HTTPS is on
		}
		is.True(strings.Contains(p.stderr.String(), name))
	}
	is.True(strings.Contains(p.stderr.String(), "ALLOW_svc: item 1"))
}

// TestEmptySettingsAreAbsent checks that empty settings neither override the .env nor prevent a
// start.
func TestEmptySettingsAreAbsent(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(goodEnv+"MSA_MASTER_KEY_FILE=\nCERT_svc=\nDENY_svc=\nMYVAULT_HOSTS=\n"), 0o600))
	p := start(t, dir, "MSA_MASTER_KEY=", "MSA_MASTER_KEY_FILE=", "MYVAULT_ENV=", "MYVAULT_DATA=", "MYVAULT_CONSOLE=", "MYVAULT_SWEEP=", "LOG_LEVEL=",
		"MYVAULT_TLS_MIN=", "MYVAULT_TLS_CERT=", "MYVAULT_PROVIDER=", "MYVAULT_CONNECTIONS=", "MYVAULT_MAX_WATCHES=", "MYVAULT_FORWARDERS=", "ALLOWED_SERVICES=")
	is.Equal(p.allowed(t), "newsbot/")
	for _, token := range []string{"", "sha256:"} {
		is.Equal(p.must(t, caller{"svc", token}, "GET", "/api/whoami", "").status, 401)
	}
}

// TestBothPlaintextSettings checks that VAULT_PLAINTEXT and MYVAULT_PLAINTEXT are separate
// settings.
func TestBothPlaintextSettings(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(goodEnv+vaultAt("http://vault.example.org:8200")+"VAULT_PLAINTEXT=true\nMYVAULT_PLAINTEXT=true\n"), 0o600))
	p := command(t, dir)
	p.subcommand("lint")
	err := p.cmd.Run()
	is.Equal(p.stderr.String(), "")
	is.NoErr(err)
}

// TestDueServiceNeedsNoToken covers MYVAULT_DUE: the server itself acts as that service.
func TestDueServiceNeedsNoToken(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), append(strings.Fields(strings.Replace(goodEnv, "=svc", "=svc,duty", 1)), "MYVAULT_DUE=duty", "ALLOW_duty=newsbot/")...)
	p.subcommand("lint")
	is.NoErr(p.cmd.Run())
}

// TestLintNotes covers findings that are often intended, which are notes, and those that probably
// are not, which are errors.
func TestLintNotes(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	lint := func(rules string) (string, error) {
		is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(envWithRules(rules)), 0o600))
		p := command(t, dir)
		p.subcommand("lint")
		p.cmd.Stdout = &p.stdout
		err := p.cmd.Run()
		return p.stdout.String(), err
	}
	output, err := lint("newsbot/@read+destroy\nDENY_svc=newsbot/hidden/")
	is.NoErr(err)
	is.True(strings.HasPrefix(output, "note: DENY_svc: newsbot/hidden/: it names no action and so forbids destroy too"))
	is.True(strings.Contains(output, "ok: 1 services, 2 rules"))
	output, err = lint("newsbot/\nDENY_svc=newsbot/hidden")
	is.True(err != nil)
	is.True(strings.HasPrefix(output, "DENY_svc: newsbot/hidden: it covers that one name"))

	ca := authority.New(t, "clients")
	certificate, key := ca.Server(t).Write(t, dir, "server")
	authorities := filepath.Join(dir, "clients.pem")
	is.NoErr(os.WriteFile(authorities, ca.PEM, 0o600))
	output, err = lint("newsbot/\nCERT_svc=cn:svc\nMYVAULT_TLS_CERT=" + certificate + "\nMYVAULT_TLS_KEY=" + key + "\nMYVAULT_TLS_CLIENT_CA=" + authorities)
	is.NoErr(err)
	is.True(strings.HasPrefix(output, "note: CERT_svc: name constraints do not apply to cn:"))
}

// TestLintCounts checks the counts of services and rules.
func TestLintCounts(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), append(strings.Fields(goodEnv), "ALLOW_svc=a/,b/", "DENY_svc=a/x/")...)
	p.subcommand("lint")
	p.cmd.Stdout = &p.stdout
	is.NoErr(p.cmd.Run())
	is.Equal(p.stdout.String(), "ok: 1 services, 3 rules\n")
}

// TestLintNamesWeakTokens covers weak tokens, which are allowed on loopback, and a missing .env.
func TestLintNamesWeakTokens(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), strings.Fields(strings.Replace(goodEnv, "canary-token-0123456789", "canary-token", 1))...)
	p.subcommand("lint")
	p.cmd.Stdout = &p.stdout
	is.NoErr(p.cmd.Run())
	is.True(strings.HasPrefix(p.stdout.String(), "TOKEN_svc: a token has fewer than 16 characters"))
	is.True(!strings.Contains(p.stdout.String(), "canary"))

	p = command(t, t.TempDir())
	p.subcommand("lint")
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "no .env in this directory"))
}

// TestGreetingBeyondLoopback checks that the printed addresses work with the certificate and the
// allowed hosts.
func TestGreetingBeyondLoopback(t *testing.T) {
	dir := t.TempDir()
	certificate, key := authority.New(t, "servers").Server(t).Write(t, dir, "server")
	overTLS := []string{"MYVAULT_ADDR=0.0.0.0:0", "MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=" + key}
	for host, settings := range map[string][]string{
		"https://localhost":         nil,
		"https://vault.example.org": {"MYVAULT_HOSTS=vault.example.org,other.example.org"},
	} {
		t.Run(host, func(t *testing.T) {
			is := is.New(t)
			p := start(t, t.TempDir(), append(overTLS, settings...)...)
			port := p.url[strings.LastIndex(p.url, ":"):]
			greeting := p.greeting(t)
			is.True(strings.Contains(greeting, "Console: "+host+port+"/console/\n"))
			is.True(strings.Contains(greeting, "' "+host+port+"/api/whoami\n"))
			is.True(strings.Contains(greeting, "--cacert"))
		})
	}
}

// TestReloadWaitsForReferencedFiles checks that a reload succeeds once the files in the .env are
// valid, without another change of the .env.
func TestReloadWaitsForReferencedFiles(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := startWithRules(t, "newsbot/")
	certificate, key := authority.New(t, "servers").Server(t).Write(t, t.TempDir(), "server")
	later := filepath.Join(p.dir, "later.pem")
	replace(t, filepath.Join(p.dir, ".env"), envWithRules("other/")+"MYVAULT_TLS_CERT="+later+"\nMYVAULT_TLS_KEY="+key+"\n")
	failures := func(times int) func() bool {
		return func() bool { return strings.Count(p.stderr.String(), "the policy is not reloaded") == times }
	}
	await(t, "the first error", failures(1))
	replace(t, later, "no certificate")
	await(t, "the second error", failures(2))
	is.Equal(p.allowed(t), "newsbot/")
	pem, err := os.ReadFile(certificate)
	is.NoErr(err)
	replace(t, later, string(pem))
	await(t, "the other rules", func() bool { return p.allowed(t) == "other/" })
	is.True(failures(2)()) // each error is logged once
}
