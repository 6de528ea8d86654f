package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// TestLintRefusesWhatTheStartRefuses: one thing wrong at a time, told in the same words by both. Nothing is made.
func TestLintRefusesWhatTheStartRefuses(t *testing.T) {
	const token, key = "canary-token-0123456789", "MSA_MASTER_KEY=base64:jFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6TExE="
	for _, c := range []struct{ line, becomes, want string }{
		{"MSA_", "MYVAULT_FORWARDERS=canary\nMSA_", "Forwarders"},
		{"MSA_", "MYVAULT_ORIGINS=canary\nMSA_", "AllowedOrigins"},
		{"MSA_", "MYVAULT_HOSTS='canary b'\nMSA_", "AllowedHosts"},
		{"MSA_", "MYVAULT_METRICS_ADDR=canary\nMSA_", "MYVAULT_METRICS_ADDR"},
		{"MSA_", "MYVAULT_PROVIDER=sqlit\nMSA_", "MYVAULT_PROVIDER"},
		{"MSA_", "MYVAULT_PROVIDER=hashivault\nMSA_", "VAULT_ADDR"},
		{"MSA_", "MYVAULT_TLS_CERT=/none/canary.pem\nMYVAULT_TLS_KEY=/none/canary.key\nMSA_", "certificate"},
		{"MSA_", "MYVAULT_ADDR=canary\nMSA_", "MYVAULT_ADDR"},
		{"MSA_", "MYVAULT_ADDR=0.0.0.0:0\nMSA_", "MYVAULT_PLAINTEXT"},
		{"MSA_", "MYVAULT_CONNECTIONS=-1\nMSA_", "MaxConnections"},
		{"MSA_", "MYVAULT_SWEEP=10ms\nMSA_", "MYVAULT_SWEEP"},
		{"MSA_", "MYVAULT_DRAIN=-1s\nMSA_", "MYVAULT_DRAIN"},
		{token, "canary\nMYVAULT_ADDR=0.0.0.0:0\nMYVAULT_PLAINTEXT=true", "16 characters"},
		{token, token + "\nCERT_svc=uri:spiffe://example.org/canary", "CERT_svc has no effect without MYVAULT_TLS_CLIENT_CA"},
		{key, "MSA_MASTER_KEY=abc", "base64:"},
		{key, "MSA_MASTER_KEY_FILE=/none", "MSA_MASTER_KEY_FILE"},
		{key, "", "MSA_MASTER_KEY"},
	} {
		t.Run(c.becomes, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			text := strings.Replace(goodEnv, c.line, c.becomes, 1)
			is.True(text != goodEnv)
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600))
			var said [2]string
			for n := range said {
				p := command(t, dir)
				if n == 0 { // first: it ends whatever it finds
					p.cmd.Args = append(p.cmd.Args, "-lint")
				}
				is.True(p.cmd.Run() != nil)
				said[n] = p.stderr.String()
			}
			is.Equal(said[1], said[0])
			is.True(strings.Contains(said[0], c.want))
			is.True(!strings.Contains(said[0], "canary") && !strings.Contains(said[0], "jFi1bkz"))
			is.Equal(len(files(t, dir)), 1)
		})
	}
}

// TestEverythingWrongIsToldAtOnce, by the start too.
func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), append(strings.Fields(goodEnv), "MYVAULT_ORIGINS=x", "MYVAULT_ADDR=0.0.0.0:0", "MSA_MASTER_KEY=abc", "MYVAULT_METRICS_ADDR=x")...)
	is.True(p.cmd.Run() != nil)
	for _, want := range []string{"AllowedOrigins", "MYVAULT_PLAINTEXT", "base64:", "MYVAULT_METRICS_ADDR"} {
		is.True(strings.Contains(p.stderr.String(), want))
	}
}

// TestLintCounts what it found to be good.
func TestLintCounts(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), append(strings.Fields(goodEnv), "ALLOW_svc=a/,b/", "DENY_svc=a/x/")...)
	p.cmd.Args = append(p.cmd.Args, "-lint")
	p.cmd.Stdout = &p.stdout
	is.NoErr(p.cmd.Run())
	is.Equal(p.stdout.String(), "ok: 1 services, 3 rules\n")
}

// TestLintNamesWeakTokens, which loopback allows, and where there is nothing to look at it says what to do.
func TestLintNamesWeakTokens(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), strings.Fields(strings.Replace(goodEnv, "canary-token-0123456789", "canary-token", 1))...)
	p.cmd.Args = append(p.cmd.Args, "-lint")
	p.cmd.Stdout = &p.stdout
	is.NoErr(p.cmd.Run())
	is.True(strings.HasPrefix(p.stdout.String(), "TOKEN_svc: a token is under 16 characters"))
	is.True(!strings.Contains(p.stdout.String(), "canary"))

	p = command(t, t.TempDir())
	p.cmd.Args = append(p.cmd.Args, "-lint")
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "there is no .env"))
}

// TestTheGreetingBeyondLoopback gives addresses that the certificate and the Host header can have.
func TestTheGreetingBeyondLoopback(t *testing.T) {
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
