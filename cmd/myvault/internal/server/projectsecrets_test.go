package server_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestProjectSecrets covers the key that the Python service created in each new project.
func TestProjectSecrets(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir(), "MYVAULT_PROJECT_SECRETS=GOOGLE_CREDS_ENCRYPTION_KEY=bytes:32:base64url, prod/pin=text:40:hex")
	c := p.headers(t)
	is.Equal(p.must(t, c, "POST", "/api/projects", `{"name":"rag"}`).status, 201)
	key := p.must(t, c, "GET", "/api/secrets/rag/GOOGLE_CREDS_ENCRYPTION_KEY", "").secret(t)
	is.Equal(len(key.Value), 44)
	is.True(strings.HasSuffix(key.Value, "="))
	is.Equal(len(p.must(t, c, "GET", "/api/secrets/rag/prod/pin", "").secret(t).Value), 40)
}

func TestInvalidProjectSecrets(t *testing.T) {
	for name, c := range map[string]struct{ settings, want string }{
		"no generator":   {"MYVAULT_PROJECT_SECRETS=prod/key", "item 1"},
		"too short":      {"MYVAULT_PROJECT_SECRETS=a=bytes:32:hex,b=bytes:4:hex", "item 2"},
		"no path":        {"MYVAULT_PROJECT_SECRETS==bytes:32:hex", "item 1"},
		"given twice":    {"MYVAULT_PROJECT_SECRETS=a=bytes:32:hex,a=bytes:32:hex", "item 2"},
		"with a cluster": {"MYVAULT_PROJECT_SECRETS=a=bytes:32:hex\nMYVAULT_PROVIDER=hashivault\nVAULT_ADDR=http://127.0.0.1:1\nVAULT_TOKEN=canary", "several changes at once"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			replace(t, filepath.Join(dir, ".env"), goodEnv+c.settings+"\n")
			p := command(t, dir)
			is.True(p.cmd.Run() != nil)
			is.True(strings.Contains(p.stderr.String(), c.want))
			is.True(!strings.Contains(p.stderr.String(), "canary"))
		})
	}
}
