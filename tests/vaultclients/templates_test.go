package vaultclients

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
)

// rendered returns a test for the contents of a file.
func rendered(path, want string) func() bool {
	return func() bool {
		text, err := os.ReadFile(path)
		return err == nil && string(text) == want
	}
}

// background runs a program until the test ends.
func background(t *testing.T, env []string, name string, arguments ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its children
	cmd.WaitDelay = 5 * time.Second                                       // a child of the program may keep the pipe open
	check(t, cmd.Start())
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

// write writes a file of a test and returns its path.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const template = `{{ with secret "newsbot/data/prod/db" }}{{ .Data.data.value }}{{ end }}`

// agentConfig writes a configuration with which the Agent logs in by AppRole. It ends with rest.
func agentConfig(t *testing.T, s server, folder, rest string) string {
	t.Helper()
	return write(t, folder, "agent.hcl", fmt.Sprintf(`
vault { address = %q }
auto_auth { method "approle" { config = {
  role_id_file_path = %q
  secret_id_file_path = %q
  remove_secret_id_file_after_reading = false
} } }
`, s.url, write(t, folder, "role", service), write(t, folder, "secret", sharedToken))+rest)
}

// TestVaultAgentRendersAgain: the Agent logs in by AppRole, renders a template, and renders it
// again once the secret has changed, because the lease of its read ends. With a real Vault it waits
// for five minutes.
func TestVaultAgentRendersAgain(t *testing.T) {
	binary := need(t, "MYVAULT_VAULT_BIN")
	s := start(t)
	s.put(t, service, "prod/db", "first")
	folder := t.TempDir()
	target := filepath.Join(folder, "rendered")
	config := agentConfig(t, s, folder, fmt.Sprintf(`
template { contents = %q
  destination = %q }
`, template, target))
	background(t, []string{"HOME=" + folder}, binary, "agent", "-config="+config)
	eventually(t, "the Agent has rendered the template", rendered(target, "first"))
	s.put(t, service, "prod/db", "second")
	eventually(t, "the Agent has rendered the change", rendered(target, "second"))
	s.revokeTokens(t)
	s.put(t, service, "prod/db", "third")
	eventually(t, "the Agent has logged in again", rendered(target, "third"))
}

// TestVaultAgentRestartsAProgram: the Agent as a supervisor starts its child with the secret in the
// environment, and again with the new value.
func TestVaultAgentRestartsAProgram(t *testing.T) {
	binary := need(t, "MYVAULT_VAULT_BIN")
	s := start(t)
	s.put(t, service, "prod/db", "first")
	folder := t.TempDir()
	target := filepath.Join(folder, "seen")
	config := agentConfig(t, s, folder, fmt.Sprintf(`
env_template "SECRET" { contents = %q }
exec { command = ["/bin/sh", "-c", "printf %%s \"$SECRET\" > %s; exec sleep 60"]
  restart_on_secret_changes = "always" }
`, template, target))
	background(t, []string{"HOME=" + folder, "PATH=" + os.Getenv("PATH")}, binary, "agent", "-config="+config)
	eventually(t, "the child has the secret", rendered(target, "first"))
	s.put(t, service, "prod/db", "second")
	eventually(t, "the child has the new secret", rendered(target, "second"))
}

// TestConsulTemplate: as TestVaultAgentRendersAgain, with a shared token.
func TestConsulTemplate(t *testing.T) {
	binary := need(t, "MYVAULT_CONSUL_TEMPLATE")
	s := start(t)
	s.put(t, service, "prod/db", "first")
	folder := t.TempDir()
	target := filepath.Join(folder, "rendered")
	source := write(t, folder, "template", template)
	env := []string{"HOME=" + folder, "VAULT_ADDR=" + s.url, "VAULT_TOKEN=" + vaultToken}
	background(t, env, binary, "-vault-renew-token=false", "-template="+source+":"+target)
	eventually(t, "consul-template has rendered", rendered(target, "first"))
	s.put(t, service, "prod/db", "second")
	eventually(t, "consul-template has rendered the change", rendered(target, "second"))
}

// TestConsulTemplateIsDenied: it ends with an error that says so.
func TestConsulTemplateIsDenied(t *testing.T) {
	is := is.New(t)
	binary := need(t, "MYVAULT_CONSUL_TEMPLATE")
	s := start(t)
	s.put(t, "other", "prod/db", "not for newsbot")
	folder := t.TempDir()
	source := write(t, folder, "template", strings.ReplaceAll(template, "newsbot/", "other/"))
	cmd := exec.CommandContext(t.Context(), binary, "-once", "-vault-renew-token=false", "-vault-retry=false",
		"-template="+source+":"+filepath.Join(folder, "rendered"))
	cmd.Env = []string{"HOME=" + folder, "VAULT_ADDR=" + s.url, "VAULT_TOKEN=" + vaultToken}
	out, err := cmd.CombinedOutput()
	t.Log(string(out))
	is.True(err != nil)
	is.True(strings.Contains(string(out), "permission denied"))
	is.True(!strings.Contains(string(out), "not for newsbot"))
}
