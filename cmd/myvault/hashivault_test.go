package main_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// TestReadingCreatesNoStore works with a HashiCorp Vault without a store. Only a command that
// writes creates one.
func TestReadingCreatesNoStore(t *testing.T) {
	is := is.New(t)
	server := vaultserver.Dev(t, vaultserver.Binary(t))
	v := &vault{t: t, dir: t.TempDir(), environ: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "MYVAULT_LOCAL=true", "MYVAULT_PROVIDER=hashivault",
		"VAULT_ADDR=" + server.Address, "VAULT_TOKEN=" + server.Token, "MSA_MASTER_KEY=" + crypto.NewKey().Text(), "MYVAULT_ENV=.env",
	}}
	v.write(".env", "ALLOWED_SERVICES=local\nALLOW_local=*/,*/@destroy+audit\n")
	stored := func() bool {
		status, _ := server.Do(t, "LIST", "secret/metadata/", "")
		return status != http.StatusNotFound
	}
	v.must("", "list")
	for _, args := range [][]string{
		{"get", "p/x"}, {"history", "p/x"}, {"diff", "p/a/", "p/b/"}, {"export", "p/"}, {"run", "p/", "--", "true"},
		{"project", "list"}, {"who", "read", "p/x"}, {"explain", "local", "read", "p/x"}, {"whoami"}, {"audit"}, {"usage"},
		{"due"}, {"token", "list"}, {"health"}, {"__complete", "get", "p/"},
	} {
		v.run("", args...)
		is.True(!stored()) // args
	}
	v.run("A=1", "import", "p/", "--format", "dotenv", "--dry-run")
	is.True(!stored())
	v.must("1", "put", "p/x")
	is.True(stored())
	v.must("", "delete", "p/x")
	v.must("", "undelete", "p/x")
	v.must("A=1", "import", "p/", "--format", "dotenv")
	v.must("", "destroy", "p/x", "1")
	v.must("", "project", "put", "q")
	v.must("", "project", "default", "q")
	v.must("", "token", "mint", "p/@read")
	v.must("", "token", "revoke", strings.Fields(v.must("", "token", "list"))[0])
	v.must("", "project", "put", "r")
	v.must("", "project", "delete", "r")
}
