package clients_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/vaulttest"
)

// run runs a program with the address of a new server in MYVAULT_URL. It fails if the program does,
// or is missing.
func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	is := is.New(t)
	server := vaulttest.NewServer(t, map[string]string{"newsbot/prod/db": "hunter2"},
		vaulttest.Service(t, "admin", "*/", "*/@destroy+audit"), vaulttest.Service(t, "reader", "newsbot/prod/@read+list"))
	program := exec.CommandContext(t.Context(), name, arguments...)
	program.Env = append(os.Environ(), "MYVAULT_URL="+server.URL, "PYTHONDONTWRITEBYTECODE=1")
	out, err := program.CombinedOutput()
	t.Logf("%s", out)
	is.NoErr(err)
}

func TestPython(t *testing.T) { run(t, "python3", "python_test.py") }
