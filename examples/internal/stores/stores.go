// Package stores opens the provider that settings name, for the programs of examples/.
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
	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Settings name a provider and all that it needs.
type Settings struct {
	Provider       string   `env:"MYVAULT_PROVIDER" envDefault:"sqlite" help:"sqlite, hashivault or memory; to copy from also python, the file of the earlier service (sqlite)"`
	Data           string   `env:"MYVAULT_DATA" envDefault:"data" help:"sqlite: the directory of the store; hashivault: that of the trail (data)"`
	File           string   `env:"MYVAULT_FILE" help:"python: the file"`
	Key            string   `env:"MSA_MASTER_KEY" help:"base64:<32 bytes>, or instead"`
	KeyFile        string   `env:"MSA_MASTER_KEY_FILE" help:"a file that holds it and that nobody else can read"`
	Addresses      []string `env:"VAULT_ADDR" help:"hashivault: URLs of the nodes, comma-separated"`
	VaultPlaintext bool     `env:"VAULT_PLAINTEXT" help:"true: http URLs beyond loopback, whose network reads the token and every value"`
	Token          string   `env:"VAULT_TOKEN" help:"the token, or instead"`
	TokenFile      string   `env:"VAULT_TOKEN_FILE" help:"a file that holds it, or instead"`
	RoleID         string   `env:"VAULT_ROLE_ID" help:"the role id of an AppRole, and with it"`
	SecretID       string   `env:"VAULT_SECRET_ID" help:"its secret id, or instead"`
	SecretIDFile   string   `env:"VAULT_SECRET_ID_FILE" help:"a file that holds it"`
	Mount          string   `env:"VAULT_MOUNT" help:"where the KV version 2 engine is mounted (secret)"`
	Base           string   `env:"VAULT_BASE" help:"the path of the store below the mount (myvault)"`
	Namespace      string   `env:"VAULT_NAMESPACE" help:"a namespace of Vault Enterprise"`
	CACert         string   `env:"VAULT_CACERT" help:"a file with the CA of the nodes"`
	ClientCert     string   `env:"VAULT_CLIENT_CERT" help:"a file with a client certificate"`
	ClientKey      string   `env:"VAULT_CLIENT_KEY" help:"a file with its key"`
	ServerName     string   `env:"VAULT_TLS_SERVER_NAME" help:"the name in the nodes' certificate"`
	KeepVersions   int      `env:"VAULT_KEEP_VERSIONS" help:"how many versions the mount must keep (1000)"`
}

// Open opens the provider. Unless create is set it makes and writes nothing: a local store must be
// there, and one in HashiCorp Vault can only be read. With create, a master key that the documents
// show is refused.
func (s Settings) Open(ctx context.Context, create bool) (myvault.Provider, error) {
	switch s.Provider {
	case "sqlite":
		var c sqlite.Config
		if !create {
			if _, err := os.Stat(filepath.Join(s.Data, "vault.db")); err != nil {
				return nil, err
			}
			c.Trail = setup.KeepAll // nothing is pruned in the background either
		}
		keys := s.keys()
		if create {
			keys = s.ownKeys()
		}
		return some(sqlite.Open(ctx, s.Data, keys, c))
	case "hashivault":
		c, err := s.vault()
		if err != nil {
			return nil, err
		}
		c.ReadOnly = !create
		return some(hashivault.Open(ctx, c))
	case "memory":
		return memory.New(memory.Config{}), nil
	}
	return nil, errProvider
}

var errProvider = errors.New("setting MYVAULT_PROVIDER is none of sqlite, hashivault and memory; python is only for examples/move to copy from")

// OpenPython opens the file of the earlier service.
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

// Trail opens the trail beside a provider that is none itself; nil for one that is.
func (s Settings) Trail(ctx context.Context) (interface {
	myvault.Trail
	io.Closer
}, error) {
	if s.Provider != "hashivault" {
		return nil, nil
	}
	trail, err := sqlite.OpenTrail(ctx, s.Data, s.ownKeys(), sqlite.TrailConfig{})
	if err != nil {
		return nil, err
	}
	return trail, nil
}

func (s Settings) keys() sqlite.KeySource { return sqlite.KeySettings(s.Key, s.KeyFile) }

func (s Settings) vault() (c hashivault.Config, err error) {
	token, err := secretOr(s.Token, s.TokenFile, "VAULT_TOKEN")
	wrong := []error{err}
	c = hashivault.Config{
		Addresses: s.Addresses, Plaintext: s.VaultPlaintext, Mount: s.Mount, Base: s.Base, Namespace: s.Namespace, Token: token, KeepVersions: s.KeepVersions,
		TLS: api.TLSConfig{CACert: s.CACert, ClientCert: s.ClientCert, ClientKey: s.ClientKey, TLSServerName: s.ServerName},
	}
	if s.RoleID != "" {
		id, err := secretOr(s.SecretID, s.SecretIDFile, "VAULT_SECRET_ID")
		wrong = append(wrong, err)
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
		if err := protected(f.path, f.readers); err != nil {
			wrong = append(wrong, fmt.Errorf("setting %s: %w", f.setting, err))
		}
	}
	if len(s.Addresses) == 0 {
		wrong = append(wrong, errors.New("setting VAULT_ADDR is missing: the URLs of Vault's nodes, comma-separated"))
	}
	if err == nil && token.Len() == 0 && s.RoleID == "" {
		wrong = append(wrong, errors.New("set VAULT_TOKEN or VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID or VAULT_SECRET_ID_FILE"))
	}
	return c, errors.Join(wrong...)
}

// secretOr gives what a setting holds, or the one line of the file that the other one names.
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
		return myvault.Value{}, fmt.Errorf("setting %s_FILE names no file that can be read", setting) // nor shown: it may be the secret
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

// protected refuses a file that another user could change, or read the key in it. A file that
// cannot be opened is left to its reader.
func protected(path string, readers trusted.Readers) error {
	f, err := trusted.Open(path, readers)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, trusted.ErrUntrusted) {
		return err
	}
	return nil
}

// some keeps a nil pointer from becoming a provider.
func some[T myvault.Provider](p T, err error) (myvault.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
