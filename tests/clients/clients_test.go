package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
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

// TestTypeScript checks the types with the compiler that MYVAULT_TSC names, and runs its output in
// Node.js.
func TestTypeScript(t *testing.T) {
	is := is.New(t)
	out := t.TempDir()
	is.NoErr(os.WriteFile(filepath.Join(out, "package.json"), []byte(`{"type":"module"}`), 0o600))
	report, err := exec.CommandContext(t.Context(), compiler(t), "-p", ".", "--outDir", out).CombinedOutput()
	t.Logf("%s", report)
	is.NoErr(err)
	t.Setenv("MYVAULT_CLIENT", filepath.Join(out, "myvault.js"))
	run(t, "node", "--test-reporter=tap", "typescript_test.mjs")
}

// compiler returns the TypeScript compiler.
func compiler(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MYVAULT_TSC")
	if path == "" {
		t.Fatal("MYVAULT_TSC names no TypeScript compiler: install package.json with npm ci")
	}
	return path
}
