package main_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

// TestForeignEnvGetsNoToken works in a checkout whose .env names a Vault of its author. Only a
// user who names the file sends a token there.
func TestForeignEnvGetsNoToken(t *testing.T) {
	is := is.New(t)
	var requests atomic.Int64
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer foreign.Close()
	home := t.TempDir()
	checkout := filepath.Join(home, "checkout")
	is.NoErr(os.Mkdir(checkout, 0o755))
	is.NoErr(os.WriteFile(filepath.Join(home, ".vault-token"), []byte("private\n"), 0o600))
	settings := "ALLOWED_SERVICES=local\nALLOW_local=*/\nMYVAULT_PROVIDER=hashivault\nVAULT_ADDR=" + foreign.URL +
		"\nVAULT_TOKEN_FILE=../.vault-token\n"
	is.NoErr(os.WriteFile(filepath.Join(checkout, ".env"), []byte(settings), 0o644))
	v := &vault{t: t, dir: checkout, environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "MYVAULT_URL=http://127.0.0.1:1", "MSA_MASTER_KEY=" + crypto.NewKey().Text()}}
	commands := [][]string{
		{"doctor"}, {"doctor", "--local"}, {"get", "--local", "p/x"}, {"health", "--local"},
		{"__complete", "get", "--local", "p/"},
	}
	for _, token := range []string{"", "VAULT_TOKEN=exported"} {
		v.environ = append(v.environ, token)
		for _, args := range commands {
			r := v.run("", args...)
			is.Equal(requests.Load(), int64(0)) // the token was sent
			if args[0] != "__complete" {
				is.True(strings.Contains(r.stdout+r.stderr, "set MYVAULT_ENV to its path"))
			}
		}
	}
	v.environ = append(v.environ[:4], "MYVAULT_ENV="+filepath.Join(checkout, ".env"))
	r := v.run("", "doctor")
	if requests.Load() == 0 {
		t.Errorf("a named .env is not used: %s", r.stdout)
	}
}
