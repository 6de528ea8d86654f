package vaultclients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// command is the vault command.
type command struct {
	t      *testing.T
	binary string
	env    []string
}

func newCommand(t *testing.T, s server) command {
	t.Helper()
	binary := need(t, "MYVAULT_VAULT_BIN")
	return command{t, binary, []string{"VAULT_ADDR=" + s.url, "VAULT_TOKEN=" + vaultToken, "HOME=" + t.TempDir()}}
}

// run returns the output of the command. Its error contains what the command printed as one.
func (c command) run(arguments ...string) (string, error) {
	cmd := exec.CommandContext(c.t.Context(), c.binary, arguments...)
	cmd.Env = c.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), nil
}

func (c command) get(mount, path string) (map[string]any, error) {
	text, err := c.run("kv", "get", "-format=json", mount+"/"+path)
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 && !strings.Contains(err.Error(), "403") {
			return nil, fmt.Errorf("%w: %w", errNoSecret, err)
		}
		return nil, err
	}
	var answer struct{ Data struct{ Data map[string]any } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, err
	}
	if answer.Data.Data == nil {
		return nil, errNoSecret // it prints the metadata of a deleted secret
	}
	return answer.Data.Data, nil
}

func (c command) put(path string, data map[string]any, cas int) error {
	arguments := []string{"kv", "put"}
	if cas != anyVersion {
		arguments = append(arguments, fmt.Sprintf("-cas=%d", cas))
	}
	arguments = append(arguments, service+"/"+path)
	for name, value := range data {
		arguments = append(arguments, fmt.Sprintf("%s=%v", name, value))
	}
	_, err := c.run(arguments...)
	return err
}

func (c command) list(folder string) (names []string, err error) {
	text, err := c.run("kv", "list", "-format=json", service+"/"+folder)
	if err != nil {
		return nil, err
	}
	return names, json.Unmarshal([]byte(text), &names)
}

func (c command) remove(path string) error {
	_, err := c.run("kv", "delete", service+"/"+path)
	return err
}

func (c command) undelete(path string, version int) error {
	_, err := c.run("kv", "undelete", fmt.Sprintf("-versions=%d", version), service+"/"+path)
	return err
}

func TestVaultCommand(t *testing.T) {
	s := start(t)
	runSteps(t, s, newCommand(t, s))
}

// TestVaultCommandsOfOperators runs the other commands that concern KV, tokens and the server.
func TestVaultCommandsOfOperators(t *testing.T) {
	s := start(t)
	c := newCommand(t, s)
	for _, line := range []struct{ command, want string }{
		{"status", "Sealed          false"},
		{"kv put newsbot/prod/db a=1 b=2", "version            1"},
		{"kv put -mount=newsbot prod/db a=2 b=2", "version            2"},
		{"kv patch newsbot/prod/db a=3", "version            3"},
		{"kv patch -method=rw newsbot/prod/db b=4", "version            4"},
		{"kv get -field=a newsbot/prod/db", "3"},
		{"kv get -version=1 -field=a newsbot/prod/db", "1"},
		{"kv rollback -version=1 newsbot/prod/db", "version            5"},
		{"kv metadata put -custom-metadata=owner=news newsbot/prod/db", "Success"},
		{"kv metadata patch -custom-metadata=team=a newsbot/prod/db", "Success"},
		{"kv metadata get newsbot/prod/db", "map[owner:news team:a]"},
		{"kv list newsbot/", "prod/"},
		{"kv delete -versions=5 newsbot/prod/db", "Success"},
		{"kv undelete -versions=5 newsbot/prod/db", "Success"},
		{"kv destroy -versions=1 newsbot/prod/db", "Success"},
		{"kv metadata delete newsbot/prod/db", "Success"},
		{"secrets list", "newsbot/"},
		{"token lookup", "newsbot"},
		{"token capabilities newsbot/data/prod/db", "create, delete, patch, read, update"},
		{"token capabilities other/data/prod/db", "deny"},
		{"login -no-print -method=userpass username=newsbot password=" + sharedToken, ""},
	} {
		t.Run(line.command, func(t *testing.T) {
			is := is.New(t)
			out, err := c.run(strings.Fields(line.command)...)
			is.NoErr(err)
			is.True(strings.Contains(out, line.want)) // the output
		})
	}
}

// TestVaultCommandIsRefusedLoudly: what myVault does not have is an error that says so.
func TestVaultCommandIsRefusedLoudly(t *testing.T) {
	s := start(t)
	c := newCommand(t, s)
	for _, line := range []struct{ command, want string }{
		{"kv get -wrap-ttl=60s newsbot/prod/db", "response wrapping is not supported"},
		{"kv get -namespace=team newsbot/prod/db", "namespaces are not supported"},
		{"secrets enable -path=x kv", "configured in myVault's settings"},
		{"policy write p /dev/null", "configured in myVault's settings"},
		{"kv metadata put -delete-version-after=1h newsbot/prod/db", "delete_version_after is not supported"},
		{"kv get other/prod/db", "preflight capability check returned 403"},
		{"token create", "configured in myVault's settings"},
		{"login -no-print -method=userpass username=newsbot password=wrong", "invalid username or password"},
	} {
		t.Run(line.command, func(t *testing.T) {
			is := is.New(t)
			_, err := c.run(strings.Fields(line.command)...)
			is.True(err != nil)
			is.True(strings.Contains(strings.ReplaceAll(err.Error(), "\n", " "), line.want)) // the output
		})
	}
}
