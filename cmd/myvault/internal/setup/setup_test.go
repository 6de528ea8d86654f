package setup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

type settings struct {
	Port uint16 `env:"PORT" envDefault:"8000" help:"a port"`
	On   bool   `env:"ON" help:"true or false"`
	Key  string `env:"MSA_MASTER_KEY" help:"a key"`
	Due  string `env:"MYVAULT_DUE" help:"a service"`
}

// load finds and reads the .env and writes client.headers, as the server does.
func load(process map[string]string) (all map[string]string, path string, err error) {
	if path, err = setup.Find(process); err != nil {
		return nil, path, err
	}
	if all, err = setup.Read[settings](path, process); err != nil {
		return nil, path, err
	}
	return all, path, setup.WriteHeaders(path, process, all)
}

// TestConcurrentFirstRuns checks that all processes use the same key.
func TestConcurrentFirstRuns(t *testing.T) {
	for range 20 {
		is := is.New(t)
		dir := filepath.Join(t.TempDir(), "data")
		seen := make([]string, 8)
		var runs sync.WaitGroup
		for i := range seen {
			runs.Go(func() {
				if _, _, err := load(map[string]string{"MYVAULT_DATA": dir}); err != nil {
					t.Error(err)
				}
				text, err := os.ReadFile(filepath.Join(dir, ".env"))
				if err != nil {
					t.Error(err)
				}
				seen[i] = string(text)
			})
		}
		runs.Wait()
		headers, err := os.ReadFile(filepath.Join(dir, setup.Headers))
		is.NoErr(err)
		_, token, _ := strings.Cut(strings.TrimSpace(string(headers)), "X-Token: ")
		for _, text := range seen {
			is.Equal(text, seen[0])
			is.True(strings.Contains(text, "TOKEN_local="+token+"\n")) // the headers match the .env
		}
		left, err := filepath.Glob(filepath.Join(dir, ".making-*"))
		is.NoErr(err)
		is.Equal(len(left), 0)
	}
}

// TestFirstRunRemovesStaleFiles finds what a killed process has left, and leaves the files of
// running ones and of the store.
func TestFirstRunRemovesStaleFiles(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.Chmod(dir, 0o700))
	long := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{".making-123", ".making-file-1", ".making-456"} {
		path := filepath.Join(dir, name)
		is.NoErr(os.WriteFile(path, []byte("key"), 0o600))
		if name != ".making-456" {
			is.NoErr(os.Chtimes(path, long, long))
		}
	}
	is.NoErr(setup.FirstRun(dir))
	left, err := filepath.Glob(filepath.Join(dir, ".making-*"))
	is.NoErr(err)
	is.Equal(left, []string{filepath.Join(dir, ".making-456"), filepath.Join(dir, ".making-file-1")})
}

// TestHeadersMatchTheEnv covers a first run with files of an earlier one, a crash between the two
// files, and a change of the token.
func TestHeadersMatchTheEnv(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.Chmod(dir, 0o700))
	headers, env := filepath.Join(dir, setup.Headers), filepath.Join(dir, ".env")
	is.NoErr(os.WriteFile(headers, []byte("X-Service: local\nX-Token: of-another-life\n"), 0o600))
	is.NoErr(os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("mine\n"), 0o600))
	token := func() string {
		all, _, err := load(map[string]string{"MYVAULT_DATA": dir})
		is.NoErr(err)
		text, err := os.ReadFile(headers)
		is.NoErr(err)
		_, token, _ := strings.Cut(strings.TrimSpace(string(text)), "X-Token: ")
		is.True(strings.HasSuffix(all["TOKEN_local"], token))
		return token
	}
	first := token()
	is.NoErr(os.Remove(headers))
	is.Equal(token(), first)
	text, err := os.ReadFile(env)
	is.NoErr(err)
	is.NoErr(os.WriteFile(env, []byte(strings.Replace(string(text), first, first+",the-new-one-of-the-two", 1)), 0o600))
	is.Equal(token(), "the-new-one-of-the-two")
	ignored, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	is.NoErr(err)
	is.Equal(string(ignored), "mine\n")
}

func TestFirstRunRejectsAPublicDirectory(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.Chmod(dir, 0o777))
	is.True(setup.FirstRun(dir) != nil)
	entries, err := os.ReadDir(dir)
	is.NoErr(err)
	is.Equal(len(entries), 0)
}

func TestParseErrorsHaveNoValues(t *testing.T) {
	is := is.New(t)
	_, err := setup.Parse[settings](map[string]string{"PORT": "base64:canary", "ON": "canary"})
	is.Equal(err.Error(), "setting PORT: invalid value; want a port\nsetting ON: invalid value; want true or false")
	s, err := setup.Parse[settings](map[string]string{"ON": "true"})
	is.NoErr(err)
	is.Equal(s, settings{Port: 8000, On: true})
}

func TestLoadFindsTheEnv(t *testing.T) {
	is := is.New(t)
	t.Chdir(t.TempDir())
	named := filepath.Join(t.TempDir(), "named.env")
	is.NoErr(os.WriteFile(named, []byte("ALLOWED_SERVICES=named\nPORT=1"), 0o600))
	process := map[string]string{"PORT": "2", "TOKEN_GITHUB": "stray"}

	all, path, err := load(map[string]string{"ALLOWED_SERVICES": "process"})
	is.NoErr(err)
	is.Equal(path, "") // the environment has the policy
	is.Equal(all["ALLOWED_SERVICES"], "process")

	all, path, err = load(process)
	is.NoErr(err)
	is.Equal(path, filepath.Join("data", ".env")) // created by a first run
	is.Equal(all["PORT"], "2")
	_, stray := all["TOKEN_GITHUB"]
	is.True(!stray)

	is.NoErr(os.WriteFile(".env", []byte("ALLOWED_SERVICES=here"), 0o600))
	all, _, err = load(process)
	is.NoErr(err)
	is.Equal(all["ALLOWED_SERVICES"], "here")

	process["MYVAULT_ENV"] = named
	all, _, err = load(process)
	is.NoErr(err)
	is.Equal(all["ALLOWED_SERVICES"], "named")
	process["MYVAULT_ENV"] = named + "-none"
	_, _, err = load(process)
	is.True(errors.Is(err, fs.ErrNotExist)) // no other .env is used or created
	is.True(strings.Contains(err.Error(), "the file in MYVAULT_ENV does not exist"))
	is.True(!strings.Contains(err.Error(), "another program"))
}

// TestEnvironmentOverridesFilePairs covers the server and the programs that work on its files.
func TestEnvironmentOverridesFilePairs(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	ours, theirs := crypto.NewKey(), crypto.NewKey()
	file, env := filepath.Join(dir, "master.key"), filepath.Join(dir, ".env")
	is.NoErr(os.WriteFile(file, []byte(ours.Text()+"\n"), 0o600))
	for _, c := range map[string]struct{ env, process, gone string }{
		"a file over a key":     {"MSA_MASTER_KEY=" + theirs.Text(), "MSA_MASTER_KEY_FILE=" + file, "MSA_MASTER_KEY"},
		"a key over a file":     {"MSA_MASTER_KEY_FILE=" + dir + "/none", "MSA_MASTER_KEY=" + ours.Text(), "MSA_MASTER_KEY_FILE"},
		"nothing over either":   {"MSA_MASTER_KEY=" + ours.Text(), "X=y", "MSA_MASTER_KEY_FILE"},
		"a token file of Vault": {"MSA_MASTER_KEY=" + ours.Text() + "\nVAULT_TOKEN=t", "VAULT_TOKEN_FILE=" + file, "VAULT_TOKEN"},
	} {
		is.NoErr(os.WriteFile(env, []byte("ALLOWED_SERVICES=svc\n"+c.env+"\n"), 0o600))
		key, value, _ := strings.Cut(c.process, "=")
		all, err := setup.Read[pairs](env, map[string]string{key: value})
		is.NoErr(err)
		_, there := all[c.gone]
		is.True(!there)
		is.Equal(all[key], value)
		_, keys, err := setup.StoreSettings([]string{"MYVAULT_ENV=" + env, c.process})
		is.NoErr(err)
		got, err := keys(t.Context())
		is.NoErr(err)
		is.Equal(got.Text(), ours.Text())
	}
}

// TestThePolicyComesFromTheFileAlone: settings of the process override others.
func TestThePolicyComesFromTheFileAlone(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), ".env")
	is.NoErr(os.WriteFile(path, []byte("ALLOWED_SERVICES=a\nTOKEN_a=file\nPORT=1\n"), 0o600))
	all, err := setup.Read[everything](path, map[string]string{
		"TOKEN_GITHUB": "stray", "TOKEN_a": "stray", "ALLOWED_SERVICES": "stray", "CERT_a": "dns:stray", "DENY_a": "x", "ALLOW_a": "*/", "PORT": "2", "HOME": "/h",
	})
	is.NoErr(err)
	is.Equal(all, map[string]string{"ALLOWED_SERVICES": "a", "TOKEN_a": "file", "PORT": "2", "HOME": "/h"})
}

// TestEmptySettingsAreAbsent covers the environment and the .env. Docker Compose sets variables
// without a value to "".
func TestEmptySettingsAreAbsent(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	key, env := crypto.NewKey(), filepath.Join(dir, ".env")
	is.NoErr(os.WriteFile(env, []byte("ALLOWED_SERVICES=svc\nMSA_MASTER_KEY="+key.Text()+"\nMSA_MASTER_KEY_FILE=\nPORT=\nON=\n"), 0o600))
	empty := map[string]string{"MSA_MASTER_KEY": "", "MSA_MASTER_KEY_FILE": "", "PORT": "", "ON": "", "ALLOWED_SERVICES": "", "TOKEN_svc": "", "MYVAULT_ENV": ""}
	all, err := setup.Read[everything](env, empty)
	is.NoErr(err)
	is.Equal(all, map[string]string{"ALLOWED_SERVICES": "svc", "MSA_MASTER_KEY": key.Text()})
	parsed, err := setup.Parse[everything](all)
	is.NoErr(err)
	is.Equal(parsed.Port, uint16(8000)) // the default
	is.True(parsed.On)
	parsed, err = setup.Parse[everything](map[string]string{"PORT": "", "ON": ""})
	is.NoErr(err)
	is.Equal(parsed.Port, uint16(8000))

	all, err = setup.Read[everything]("", map[string]string{"ALLOWED_SERVICES": "svc", "TOKEN_svc": "", "PORT": ""})
	is.NoErr(err)
	is.Equal(all, map[string]string{"ALLOWED_SERVICES": "svc"})

	_, keys, err := setup.StoreSettings([]string{"MYVAULT_ENV=" + env, "MSA_MASTER_KEY=", "MSA_MASTER_KEY_FILE="})
	is.NoErr(err)
	got, err := keys(t.Context())
	is.NoErr(err)
	is.Equal(got.Text(), key.Text())
}

type everything struct {
	pairs
	Port uint16 `env:"PORT" envDefault:"8000" help:"a port"`
	On   bool   `env:"ON" envDefault:"true" help:"true or false"`
}

type pairs struct {
	Key       string `env:"MSA_MASTER_KEY"`
	KeyFile   string `env:"MSA_MASTER_KEY_FILE"`
	Token     string `env:"VAULT_TOKEN"`
	TokenFile string `env:"VAULT_TOKEN_FILE"`
}

func ExampleHelp() {
	fmt.Print(setup.Help[settings]())
	// Output:
	//   PORT                  a port
	//   ON                    true or false
	//   MSA_MASTER_KEY        a key
	//   MYVAULT_DUE           a service
}

// TestHiddenFieldsAreSettings covers a field of an embedded struct that another field hides.
func TestHiddenFieldsAreSettings(t *testing.T) {
	is := is.New(t)
	is.Equal(setup.Keys[hiding](), []string{"OUTER", "INNER"})
	is.True(strings.Contains(setup.Help[hiding](), "INNER                 the inner one"))
}

// Inner has a field that hiding hides.
type Inner struct {
	On bool `env:"INNER" help:"the inner one"`
}

type hiding struct {
	On bool `env:"OUTER" help:"the outer one"`
	Inner
}

func TestHeadsNeedBothChains(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "vault.heads")
	both := []myvault.Head{{Chain: myvault.ChainChanges, MAC: make([]byte, 32)}, {Chain: myvault.ChainAccess, MAC: make([]byte, 32)}}
	for _, heads := range [][]myvault.Head{nil, both[:1], both[1:]} {
		is.NoErr(os.WriteFile(path, []byte(sqlite.FormatHeads(heads)), 0o600))
		_, err := setup.Heads(path)
		is.True(err != nil)
	}
	is.NoErr(os.WriteFile(path, []byte(sqlite.FormatHeads(both)), 0o600))
	heads, err := setup.Heads(path)
	is.NoErr(err)
	is.Equal(len(heads), 2)
}

// TestMissingKey checks that the error says where the key can be set.
func TestMissingKey(t *testing.T) {
	is := is.New(t)
	t.Chdir(t.TempDir())
	_, keys, err := setup.StoreSettings(nil)
	is.NoErr(err)
	_, missing := keys(t.Context())
	keys, err = setup.BackupKeys(nil, "backup")
	is.NoErr(err)
	_, backup := keys(t.Context())
	_, file := setup.KeyFile(nil, "")
	for _, err := range []error{missing, backup, file} {
		is.True(errors.Is(err, crypto.ErrKey))
		is.True(strings.Contains(err.Error(), "MYVAULT_ENV"))
		is.True(!strings.Contains(err.Error(), "both"))
	}
}

// TestPublicKeyIsRejected covers a .env with the master key that every user can read.
func TestPublicKeyIsRejected(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	process := map[string]string{"MYVAULT_ENV": path}
	for _, c := range []struct {
		text string
		mode os.FileMode
		want bool // an error
	}{
		{"MSA_MASTER_KEY=base64:canary", 0o600, false},
		{"MSA_MASTER_KEY=base64:canary", 0o640, false}, // the group of a service
		{"MSA_MASTER_KEY=base64:canary", 0o644, true},
		{"ALLOWED_SERVICES=ui", 0o644, false},
	} {
		is := is.New(t)
		is.NoErr(os.WriteFile(path, []byte(c.text), 0o600))
		is.NoErr(os.Chmod(path, c.mode))
		_, _, server := load(process)
		_, _, tool := setup.StoreSettings([]string{"MYVAULT_ENV=" + path})
		for _, err := range []error{server, tool} {
			is.Equal(err != nil, c.want)
			is.True(err == nil || strings.Contains(err.Error(), "chmod 600") && !strings.Contains(err.Error(), "canary"))
		}
	}
}

func TestStopError(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	other := errors.New("the disk is full")
	is.Equal(setup.StopError(ctx, other, "nothing is left"), other)
	cancel()
	is.Equal(setup.StopError(ctx, other, "nothing is left"), other) // not caused by the signal
	err := setup.StopError(ctx, fmt.Errorf("backup: %w", ctx.Err()), "nothing is left")
	is.Equal(err.Error(), "stopped: nothing is left (backup: context canceled)")
	is.True(errors.Is(err, context.Canceled))
}

// TestTrailOnly covers the directory of a server over HashiCorp Vault.
func TestTrailOnly(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.True(!setup.IsTrailOnly(dir))
	is.True(strings.Contains(setup.CheckStore(dir).Error(), "no store in"))
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	is.True(setup.IsTrailOnly(dir))
	is.True(strings.Contains(setup.CheckStore(dir).Error(), "HashiCorp Vault"))
	path := filepath.Join(dir, "trail.heads")
	is.NoErr(os.WriteFile(path, []byte(sqlite.FormatHeads([]myvault.Head{{Chain: myvault.ChainAccess, MAC: make([]byte, 32)}})), 0o600))
	_, err = setup.TrailHeads(path)
	is.NoErr(err)
}
