package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// writeAndRead writes two versions of a secret and reads both and the trail.
func writeAndRead(t *testing.T, p *process) {
	t.Helper()
	is := is.New(t)
	c := p.headers(t)
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"v1"}`).status, 201)
	is.Equal(p.must(t, c, "PATCH", "/api/secrets/p/prod/x", `{"value":"v2"}`).status, 200)
	is.Equal(p.must(t, c, "GET", "/api/secrets/p/prod/x", "").secret(t).Value, "v2")
	is.Equal(p.must(t, c, "GET", "/api/secrets/p/prod/x?version=1", "").secret(t).Value, "v1")
	trail := p.must(t, c, "GET", "/api/audit?project=p", "")
	is.Equal(trail.status, 200)
	is.True(strings.Contains(trail.body, `"action":"write"`))
	is.True(strings.Contains(trail.body, `"action":"read"`))
}

func TestServerInMemory(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir, "MYVAULT_PROVIDER=memory")
	writeAndRead(t, p)
	is.True(strings.Contains(p.greeting(t), "lost when the server stops"))
	is.NoErr(p.stop(t, syscall.SIGTERM))
	_, err := os.Stat(filepath.Join(dir, "data/vault.db"))
	is.True(os.IsNotExist(err))
}

func TestServerOverHashiCorpVault(t *testing.T) {
	is := is.New(t)
	vault := vaultserver.Dev(t, vaultserver.Binary(t))
	dir := t.TempDir()
	settings := []string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=" + vault.Address, "VAULT_TOKEN=" + vault.Token}
	p := start(t, dir, settings...)
	writeAndRead(t, p)
	c := p.headers(t)
	is.True(strings.Contains(p.greeting(t), vault.Address))
	is.NoErr(p.stop(t, syscall.SIGTERM))
	_, err := os.Stat(filepath.Join(dir, "data/vault.db"))
	is.True(os.IsNotExist(err)) // the directory has only the trail
	p = start(t, dir, settings...)
	is.Equal(p.must(t, c, "GET", "/api/secrets/p/prod/x", "").secret(t).Value, "v2")
	vault.Kill()
	is.Equal(p.must(t, c, "GET", "/health", "").status, 503)
	is.Equal(p.must(t, c, "GET", "/api/secrets/p/prod/x", "").status, 503)
	is.True(!strings.Contains(p.stdout.String()+p.stderr.String(), "VAULT_TOKEN"))
}

func TestSettingsOfHashiCorpVault(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		want     string
	}{
		"unknown provider": {[]string{"MYVAULT_PROVIDER=canary"}, "MYVAULT_PROVIDER"},
		"no address":       {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_TOKEN=canary"}, "VAULT_ADDR"},
		"no token":         {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=http://127.0.0.1:1"}, "VAULT_TOKEN"},
		"token twice":      {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=http://127.0.0.1:1", "VAULT_TOKEN=canary", "VAULT_TOKEN_FILE=canary"}, "VAULT_TOKEN_FILE"},
		"no token file":    {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=http://127.0.0.1:1", "VAULT_TOKEN_FILE=canary"}, "VAULT_TOKEN_FILE"},
		"plain HTTP":       {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=http://canary.example.org:8200", "VAULT_TOKEN=canary"}, "VAULT_PLAINTEXT"},
		"no server":        {[]string{"MYVAULT_PROVIDER=hashivault", "VAULT_ADDR=http://127.0.0.1:1", "VAULT_TOKEN=canary"}, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			p := command(t, t.TempDir(), c.settings...)
			is.True(p.cmd.Run() != nil)
			t.Log(p.stderr.String())
			is.True(strings.Contains(p.stderr.String(), c.want))
			is.True(!strings.Contains(p.stderr.String(), "canary"))
		})
	}
}
