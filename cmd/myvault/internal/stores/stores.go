// Package stores opens the provider that the settings select, for the programs in examples.
package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Settings select and configure a provider.
type Settings struct {
	Provider       string   `env:"MYVAULT_PROVIDER" envDefault:"sqlite" help:"sqlite, hashivault or memory, or python as a source of myvault move (sqlite)"`
	Data           string   `env:"MYVAULT_DATA" envDefault:"data" help:"directory of the store, or with hashivault of the trail (data)"`
	File           string   `env:"MYVAULT_FILE" help:"python: the database file of the Python service"`
	Key            string   `env:"MSA_MASTER_KEY" help:"the master key, base64:<32 bytes>"`
	KeyFile        string   `env:"MSA_MASTER_KEY_FILE" help:"file with the key, not readable by other users; instead of MSA_MASTER_KEY"`
	Addresses      []string `env:"VAULT_ADDR" help:"hashivault: URLs of the nodes, comma-separated"`
	VaultPlaintext bool     `env:"VAULT_PLAINTEXT" help:"true: allow http URLs beyond loopback; the network can then read the token and every value"`
	Token          string   `env:"VAULT_TOKEN" help:"token of Vault"`
	TokenFile      string   `env:"VAULT_TOKEN_FILE" help:"file with the token; instead of VAULT_TOKEN"`
	RoleID         string   `env:"VAULT_ROLE_ID" help:"role ID of an AppRole; instead of a token"`
	SecretID       string   `env:"VAULT_SECRET_ID" help:"secret ID of the AppRole"`
	SecretIDFile   string   `env:"VAULT_SECRET_ID_FILE" help:"file with the secret ID; instead of VAULT_SECRET_ID"`
	Mount          string   `env:"VAULT_MOUNT" help:"mount of the KV version 2 engine (secret)"`
	Base           string   `env:"VAULT_BASE" help:"path of the store below the mount (myvault)"`
	Namespace      string   `env:"VAULT_NAMESPACE" help:"namespace of Vault Enterprise"`
	CACert         string   `env:"VAULT_CACERT" help:"file with the CA of the nodes"`
	ClientCert     string   `env:"VAULT_CLIENT_CERT" help:"file with a client certificate"`
	ClientKey      string   `env:"VAULT_CLIENT_KEY" help:"file with its key"`
	ServerName     string   `env:"VAULT_TLS_SERVER_NAME" help:"name in the certificate of the nodes"`
	KeepVersions   int      `env:"VAULT_KEEP_VERSIONS" help:"number of versions that the mount must keep (1000)"`
}

// Open opens the provider. Unless create is set, it writes nothing: a local store must exist, and a
// store in HashiCorp Vault is read-only. If create is set, it rejects the published master key.
func (s Settings) Open(ctx context.Context, create bool) (myvault.Provider, error) {
	switch s.Provider {
	case "sqlite":
		var c sqlite.Config
		if !create {
			if _, err := os.Stat(filepath.Join(s.Data, "vault.db")); err != nil {
				return nil, err
			}
			c.Trail = setup.KeepAll // no pruning in the background
		}
		keys := s.keys()
		if create {
			keys = s.secretKeys()
		}
		return asProvider(sqlite.Open(ctx, s.Data, keys, c))
	case "hashivault":
		c, err := s.vault()
		if err != nil {
			return nil, err
		}
		c.ReadOnly = !create
		return asProvider(hashivault.Open(ctx, c))
	case "memory":
		return memory.New(memory.Config{}), nil
	}
	return nil, errProvider
}

var errProvider = errors.New("setting MYVAULT_PROVIDER must be sqlite, hashivault or memory; python is only a source for myvault move")

// OpenPython opens the file of the Python service that preceded myVault.
func (s Settings) OpenPython(ctx context.Context, rename map[string]string) (*pyvault.Store, error) {
	key, err := s.keys()(ctx)
	if err != nil {
		return nil, err
	}
	store, err := pyvault.Open(ctx, s.File, key, pyvault.Config{Rename: rename})
	if err != nil {
		return nil, fmt.Errorf("setting MYVAULT_FILE: %w", err)
	}
	return store, nil
}

// Trail opens the trail of a provider that has none itself. For other providers it returns nil.
func (s Settings) Trail(ctx context.Context) (interface {
	myvault.Trail
	io.Closer
}, error) {
	if s.Provider != "hashivault" {
		return nil, nil
	}
	trail, err := sqlite.OpenTrail(ctx, s.Data, s.secretKeys(), sqlite.TrailConfig{})
	if err != nil {
		return nil, err
	}
	return trail, nil
}

func (s Settings) keys() sqlite.KeySource { return sqlite.KeySettings(s.Key, s.KeyFile) }

func (s Settings) vault() (c hashivault.Config, err error) {
	token, err := secretOr(s.Token, s.TokenFile, "VAULT_TOKEN")
	errs := []error{err}
	c = hashivault.Config{
		Addresses: s.Addresses, Plaintext: s.VaultPlaintext, Mount: s.Mount, Base: s.Base, Namespace: s.Namespace, Token: token, KeepVersions: s.KeepVersions,
		TLS: api.TLSConfig{CACert: s.CACert, ClientCert: s.ClientCert, ClientKey: s.ClientKey, TLSServerName: s.ServerName},
	}
	if s.RoleID != "" {
		id, err := secretOr(s.SecretID, s.SecretIDFile, "VAULT_SECRET_ID")
		errs = append(errs, err)
		c.AppRole = &hashivault.AppRole{RoleID: s.RoleID, SecretID: id}
	}
	for _, f := range []struct {
		setting, path string
		readers       trusted.Readers
	}{
		{"VAULT_CACERT", s.CACert, trusted.Anyone},
		{"VAULT_CLIENT_CERT", s.ClientCert, trusted.Anyone},
		{"VAULT_CLIENT_KEY", s.ClientKey, trusted.Group},
	} {
		if err := checkAccess(f.path, f.readers); err != nil {
			errs = append(errs, fmt.Errorf("setting %s: %w", f.setting, err))
		}
	}
	if len(s.Addresses) == 0 {
		errs = append(errs, errors.New("setting VAULT_ADDR is missing; want the URLs of Vault's nodes, comma-separated"))
	}
	if err == nil && token.Len() == 0 && s.RoleID == "" {
		errs = append(errs, errors.New("set VAULT_TOKEN or VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID or VAULT_SECRET_ID_FILE"))
	}
	return c, errors.Join(errs...)
}

// secretOr returns text, or if path is set, the line in that file.
func secretOr(text, path, setting string) (myvault.Value, error) {
	if path == "" {
		return myvault.Text(text), nil
	}
	if text != "" {
		return myvault.Value{}, fmt.Errorf("set %s or %s_FILE, not both", setting, setting)
	}
	line, err := readSecret(path)
	if errors.Is(err, trusted.ErrUntrusted) {
		return myvault.Value{}, fmt.Errorf("the file of setting %s_FILE is %w", setting, err)
	}
	if err != nil {
		return myvault.Value{}, fmt.Errorf("setting %s_FILE: cannot read the file", setting) // without the path, which may be the secret
	}
	return myvault.Text(strings.TrimRight(string(line), "\r\n")), nil
}

// readSecret reads a file that only its owner and its group can read.
func readSecret(path string) ([]byte, error) {
	f, err := trusted.Open(path, trusted.Group)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// checkAccess rejects a file that other users can change, or that more than the allowed readers can
// read. It ignores other errors, which the reader of the file will report.
func checkAccess(path string, readers trusted.Readers) error {
	f, err := trusted.Open(path, readers)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, trusted.ErrUntrusted) {
		return err
	}
	return nil
}

// asProvider returns a nil interface, not a nil pointer in one, if err is set.
func asProvider[T myvault.Provider](p T, err error) (myvault.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
