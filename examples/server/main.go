// Command server serves a vault over HTTP; -h explains its settings.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"syscall"

	"github.com/caarlos0/env/v11"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const help = `Serves a vault over HTTP. Settings come from a .env (MYVAULT_ENV, else .env here, else in MYVAULT_DATA)
and the environment; the policy comes from the .env alone, if there is one. With neither, a first run
makes MYVAULT_DATA with a generated .env. The policy is ALLOWED_SERVICES, TOKEN_<service>,
ALLOW_<service> and DENY_<service>; see README.md. The other settings are

`

type settings struct {
	Port      uint16     `env:"PORT" envDefault:"8000" help:"port on 127.0.0.1 (8000)"`
	Addr      string     `env:"MYVAULT_ADDR" help:"host:port to listen on, in place of 127.0.0.1 and PORT"`
	Hosts     []string   `env:"MYVAULT_HOSTS" help:"further names of this server in the Host header, comma-separated"`
	Plaintext bool       `env:"MYVAULT_PLAINTEXT" help:"true: listen beyond loopback without TLS, behind a proxy that has it"`
	Data      string     `env:"MYVAULT_DATA" envDefault:"data" help:"directory of the store (data)"`
	Env       string     `env:"MYVAULT_ENV" help:"path of the .env"`
	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR (INFO)"`
	Key       string     `env:"MSA_MASTER_KEY" help:"base64:<32 bytes>, or instead"`
	KeyFile   string     `env:"MSA_MASTER_KEY_FILE" help:"a file that holds it and that nobody else can read"`
}

func main() {
	var keys []string
	text := help
	for _, f := range reflect.VisibleFields(reflect.TypeFor[settings]()) {
		keys = append(keys, f.Tag.Get("env"))
		text += fmt.Sprintf("  %-20s %s\n", f.Tag.Get("env"), f.Tag.Get("help"))
	}
	flag.Usage = func() { fmt.Fprint(os.Stderr, text) }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, keys); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keys []string) error {
	all := env.ToMap(os.Environ())
	path, err := findEnv(all)
	if err != nil {
		return err
	}
	if path != "" {
		file, err := myvault.ReadEnvFile(path, keys...)
		if err != nil {
			return err
		}
		all = myvault.MergeEnv(file, all)
	}
	s, err := env.ParseAsWithOptions[settings](env.Options{Environment: all})
	if err != nil {
		return err
	}
	policy, err := myvault.ParsePolicy(all)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, s.Data, sqlite.KeySettings(s.Key, s.KeyFile), sqlite.Config{})
	if err != nil {
		return err
	}
	vault, err := myvault.New(store, policy, myvault.Config{})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return errors.Join(serve(ctx, s, path, vault), vault.Close())
}

// serve answers requests until ctx ends; those in flight then finish.
func serve(ctx context.Context, s settings, path string, vault *myvault.Vault) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: s.LogLevel}))
	handler, err := httpapi.New(vault, httpapi.Config{Logger: logger, AllowedHosts: s.Hosts})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cmp.Or(s.Addr, fmt.Sprintf("127.0.0.1:%d", s.Port)))
	if err != nil {
		return err
	}
	data, _ := filepath.Abs(s.Data)
	fmt.Printf("myVault serves http://%s\nStore and trail: %s\nPolicy and key: %s\n", listener.Addr(), data, cmp.Or(path, "the environment"))
	if path == filepath.Join(s.Data, ".env") {
		fmt.Printf(`The master key lies beside the data that it protects. To keep it elsewhere, move its "base64:..." into a file
that only this user can read, and put MSA_MASTER_KEY_FILE=<that file> in place of MSA_MASTER_KEY.
Try: curl -H '@%s' http://%s/api/whoami
`, filepath.Join(data, "client.headers"), listener.Addr())
	}
	return httpapi.Serve(ctx, listener, handler, httpapi.ServerConfig{PlaintextBeyondLoopback: s.Plaintext})
}

// findEnv gives the path of the .env, which a first run makes; "" where the environment has the policy.
func findEnv(process map[string]string) (string, error) {
	data := cmp.Or(process["MYVAULT_DATA"], "data")
	for _, path := range []string{process["MYVAULT_ENV"], ".env", filepath.Join(data, ".env")} {
		if _, err := os.Stat(path); err == nil || path != "" && path == process["MYVAULT_ENV"] {
			return path, nil
		}
	}
	if process["ALLOWED_SERVICES"] != "" {
		return "", nil
	}
	if _, err := os.Stat(filepath.Join(data, "vault.db")); err == nil {
		return "", fmt.Errorf("%s holds a store but no .env: put its .env back, or name it with MYVAULT_ENV", data)
	}
	return filepath.Join(data, ".env"), firstRun(data, rand.Text())
}

// firstRun writes the headers for curl, so that no token is typed or printed, and last the .env.
func firstRun(dir, token string) error {
	err := os.MkdirAll(dir, 0o700)
	for _, file := range [][2]string{
		{".gitignore", "*\n"},
		{"client.headers", "X-Service: local\nX-Token: " + token + "\n"},
		{".env", "ALLOWED_SERVICES=local\nTOKEN_local=" + token + "\nALLOW_local=*/,*/@destroy+audit\nMSA_MASTER_KEY=" + crypto.NewKey().Text() + "\n"},
	} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file[0]), []byte(file[1]), 0o600)
		}
	}
	return err
}
