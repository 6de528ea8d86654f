package vaultclients

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// runScript runs a script of testdata with an interpreter, and returns the steps that it printed.
func runScript(t *testing.T, s server, interpreter, script string, env ...string) (steps []string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", script))
	check(t, err)
	cmd := exec.CommandContext(t.Context(), interpreter, path)
	cmd.Env = append(env, "VAULT_ADDR="+s.url, "VAULT_TOKEN="+vaultToken, "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestHvac runs the Python library, which Ansible and others use.
func TestHvac(t *testing.T) {
	is := is.New(t)
	python := need(t, "MYVAULT_PYTHON")
	steps := runScript(t, start(t), python, "hvac_client.py")
	is.Equal(steps, []string{
		"read and write", "check and set", "patch", "list", "delete and undelete", "metadata", "denied", "log in and out",
	})
}

func TestNodeVault(t *testing.T) {
	is := is.New(t)
	modules := need(t, "MYVAULT_NODE_MODULES")
	steps := runScript(t, start(t), "node", "node-vault.js", "NODE_PATH="+modules)
	is.Equal(steps, []string{"read and write", "check and set", "list", "delete and undelete", "denied", "log in and out"})
}

func TestNodeVaultClient(t *testing.T) {
	is := is.New(t)
	modules := need(t, "MYVAULT_NODE_MODULES")
	steps := runScript(t, start(t), "node", "node-vault-client.js", "NODE_PATH="+modules)
	is.Equal(steps, []string{"read and write", "check and set", "list", "delete and undelete", "denied"})
}
