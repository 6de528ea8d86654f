package run

import (
	"testing"

	"github.com/matryer/is"
)

// TestReserved checks which names need --map.
func TestReserved(t *testing.T) {
	is := is.New(t)
	for _, name := range []string{"PATH", "VAULT_ADDR", "MYVAULT_URL", "MSA_X", "https_proxy", "GIT_SSH_COMMAND"} {
		is.True(Reserved(name, "x") != "")
	}
	is.Equal(Reserved("DB_PASSWORD", "x"), "")
	is.Equal(Environ([]string{"A=1", "VAULT_TOKEN=x", "MYVAULT_TOKEN=y"}, nil, "VAULT_TOKEN"), []string{"A=1"})
}
