package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/vaulttest"
)

// guide returns the code of docs/live.md in a language, for the server at url.
func guide(t *testing.T, language, url string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/live.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(text), "```"+language+"\n")
	code, _, closed := strings.Cut(code, "```")
	if !found || !closed || !strings.Contains(code, "https://vault.example.org") {
		t.Fatalf("docs/live.md has no block in %s", language)
	}
	return strings.ReplaceAll(code, "https://vault.example.org", url)
}

// guideServer returns the URL of a server with the secret that the guide reads.
func guideServer(t *testing.T) string {
	t.Helper()
	return vaulttest.NewServer(t, map[string]string{"newsbot/prod/db/password": "hunter2"}, vaulttest.Service(t, "newsbot", "newsbot/@read")).URL
}

// runGuide runs a program in dir that prints the password.
func runGuide(t *testing.T, dir, name string, arguments ...string) {
	t.Helper()
	is := is.New(t)
	program := exec.CommandContext(t.Context(), name, arguments...)
	program.Dir = dir
	out, err := program.CombinedOutput()
	is.NoErr(err)
	is.Equal(string(out), "hunter2\n")
}

// copyClient returns a new directory with a client, as the guide says to copy it, and a program.
func copyClient(t *testing.T, client, program, code string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text, err := os.ReadFile(filepath.Join("../../clients", client))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, client), text, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, program), []byte(code), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPythonGuide(t *testing.T) {
	code := `token = "` + vaulttest.Token("newsbot") + "\"\n" + guide(t, "python", guideServer(t)) + "\nprint(password)\n"
	runGuide(t, copyClient(t, "myvault.py", "guide.py", code), "python3", "-B", "guide.py")
}

func TestTypeScriptGuide(t *testing.T) {
	is := is.New(t)
	code := guide(t, "ts", guideServer(t)) + "\nconsole.log(password);\n"
	code = `const token = "` + vaulttest.Token("newsbot") + "\";\n" + strings.ReplaceAll(code, "./myvault.ts", "./myvault.js") // as compiled
	dir := copyClient(t, "myvault.ts", "guide.ts", code)
	is.NoErr(os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600))
	compile := exec.CommandContext(t.Context(), compiler(t), "--target", "ES2022", "--module", "ESNext", "--moduleResolution", "Bundler",
		"--lib", "ES2022,DOM,DOM.Iterable", "--strict", "guide.ts")
	compile.Dir = dir
	report, err := compile.CombinedOutput()
	t.Logf("%s", report)
	is.NoErr(err)
	runGuide(t, dir, "node", "guide.js")
}
