package vaultclients

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// block is a fenced block of docs/vault-clients.md.
type block struct{ language, text string }

// blocks returns the blocks of the page, for the server of the test.
func blocks(t *testing.T, s server) (all []block) {
	t.Helper()
	page, err := os.ReadFile("../../docs/vault-clients.md")
	check(t, err)
	here := strings.NewReplacer("http://127.0.0.1:8000", s.url, "newsbot-token", sharedToken)
	for _, found := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		all = append(all, block{found[1], here.Replace(found[2])})
	}
	return all
}

// TestDocumentedExamples runs the blocks of the page in their order. TestVaultAPI does the steps in
// Go, and the module tests/externalsecrets those in YAML.
func TestDocumentedExamples(t *testing.T) {
	binary, template := need(t, "MYVAULT_VAULT_BIN"), need(t, "MYVAULT_CONSUL_TEMPLATE")
	python, modules := need(t, "MYVAULT_PYTHON"), need(t, "MYVAULT_NODE_MODULES")
	is := is.New(t)
	s := start(t)
	folder := t.TempDir()
	programs := filepath.Join(folder, "bin")
	is.NoErr(os.Mkdir(programs, 0o755))
	is.NoErr(os.Symlink(binary, filepath.Join(programs, "vault")))
	is.NoErr(os.Symlink(template, filepath.Join(programs, "consul-template")))
	write(t, folder, "role", service)
	write(t, folder, "secret", sharedToken)
	run := func(name string, arguments ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, arguments...)
		cmd.Dir = folder
		cmd.Env = []string{
			"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + folder, "NODE_PATH=" + modules,
			"VAULT_ADDR=" + s.url, "VAULT_TOKEN=" + vaultToken,
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	ran := map[string]int{}
	for _, b := range blocks(t, s) {
		ran[b.language]++
		switch b.language {
		case "sh":
			run("sh", "-euc", b.text)
		case "hcl":
			run(binary, "agent", "-exit-after-auth", "-config="+write(t, folder, "agent.hcl", b.text))
			is.True(rendered(filepath.Join(folder, "rendered"), "hunter3")()) // the Agent
			is.NoErr(os.Remove(filepath.Join(folder, "rendered")))
		case "python":
			is.Equal(run(python, write(t, folder, "example.py", b.text)), "{'user': 'app'}\n")
		case "js":
			is.Equal(run("node", write(t, folder, "example.js", b.text)), "{ user: 'app' }\n")
		}
	}
	is.True(rendered(filepath.Join(folder, "rendered"), "hunter3\n")()) // consul-template
	is.Equal(ran, map[string]int{"text": 1, "sh": 2, "hcl": 1, "python": 1, "js": 2, "go": 1, "yaml": 1})
}
