// Package stores opens the provider that settings name, for the programs of examples/.
package stores

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Settings name a provider and all that it needs.
type Settings struct {
	Provider     string   `env:"MYVAULT_PROVIDER" envDefault:"sqlite" help:"sqlite, hashivault or memory; to copy from also python, the file of the earlier service (sqlite)"`
	Data         string   `env:"MYVAULT_DATA" envDefault:"data" help:"sqlite: the directory of the store; hashivault: that of the trail (data)"`
	File         string   `env:"MYVAULT_FILE" help:"python: the file"`
	Key          string   `env:"MSA_MASTER_KEY" help:"base64:<32 bytes>, or instead"`
	KeyFile      string   `env:"MSA_MASTER_KEY_FILE" help:"a file that holds it and that nobody else can read"`
	Addresses    []string `env:"VAULT_ADDR" help:"hashivault: URLs of the nodes, comma-separated"`
	Token        string   `env:"VAULT_TOKEN" help:"the token, or instead"`
	TokenFile    string   `env:"VAULT_TOKEN_FILE" help:"a file that holds it, or instead"`
	RoleID       string   `env:"VAULT_ROLE_ID" help:"the role id of an AppRole, and with it"`
	SecretID     string   `env:"VAULT_SECRET_ID" help:"its secret id, or instead"`
	SecretIDFile string   `env:"VAULT_SECRET_ID_FILE" help:"a file that holds it"`
	Mount        string   `env:"VAULT_MOUNT" help:"where the KV version 2 engine is mounted (secret)"`
	Base         string   `env:"VAULT_BASE" help:"the path of the store below the mount (myvault)"`
	Namespace    string   `env:"VAULT_NAMESPACE" help:"a namespace of Vault Enterprise"`
	CACert       string   `env:"VAULT_CACERT" help:"a file with the CA of the nodes"`
	ClientCert   string   `env:"VAULT_CLIENT_CERT" help:"a file with a client certificate"`
	ClientKey    string   `env:"VAULT_CLIENT_KEY" help:"a file with its key"`
	ServerName   string   `env:"VAULT_TLS_SERVER_NAME" help:"the name in the nodes' certificate"`
	KeepVersions int      `env:"VAULT_KEEP_VERSIONS" help:"how many versions the mount must keep (1000)"`
}

// Open opens the provider. Unless create is set it makes and writes nothing: a local store must be
// there, and one in HashiCorp Vault can only be read.
func (s Settings) Open(ctx context.Context, create bool) (myvault.Provider, error) {
	switch s.Provider {
	case "sqlite":
		var c sqlite.Config
		if !create {
			if _, err := os.Stat(filepath.Join(s.Data, "vault.db")); err != nil {
				return nil, err
			}
			c.Trail = sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1} // nothing is pruned in the background either
		}
		return some(sqlite.Open(ctx, s.Data, s.keys(), c))
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

var errProvider = errors.New("setting MYVAULT_PROVIDER is none of sqlite, hashivault and memory, nor, to copy from, python")

// Check tells what in the settings would keep Open and Trail from opening, as far as that shows without
// the store. Files that can be read but once are left to those.
func (s Settings) Check(ctx context.Context) error {
	var provider, key error
	switch s.Provider {
	case "memory":
		return nil
	case "hashivault":
		if !once(s.TokenFile, s.SecretIDFile) {
			_, provider = s.vault()
		}
	case "sqlite":
	default:
		return errProvider
	}
	if !once(s.KeyFile) {
		_, key = s.keys()(ctx)
	}
	return errors.Join(provider, key)
}

// once reports whether one of the files is a pipe, or another thing that is empty once it was read.
func once(paths ...string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular()
	})
}

// OpenPython opens the file of the earlier service.
func (s Settings) OpenPython(ctx context.Context, rename map[string]string) (*pyvault.Store, error) {
	key, err := s.keys()(ctx)
	if err != nil {
		return nil, err
	}
	return pyvault.Open(ctx, s.File, key, pyvault.Config{Rename: rename})
}

// Trail opens the trail beside a provider that is none itself; nil for one that is.
func (s Settings) Trail(ctx context.Context) (interface {
	myvault.Trail
	io.Closer
}, error) {
	if s.Provider != "hashivault" {
		return nil, nil
	}
	trail, err := sqlite.OpenTrail(ctx, s.Data, s.keys(), sqlite.TrailConfig{})
	if err != nil {
		return nil, err
	}
	return trail, nil
}

func (s Settings) keys() sqlite.KeySource { return sqlite.KeySettings(s.Key, s.KeyFile) }

func (s Settings) vault() (c hashivault.Config, err error) {
	token, err := secretOr(s.Token, s.TokenFile, "VAULT_TOKEN")
	if err != nil {
		return c, err
	}
	c = hashivault.Config{
		Addresses: s.Addresses, Mount: s.Mount, Base: s.Base, Namespace: s.Namespace, Token: token, KeepVersions: s.KeepVersions,
		TLS: api.TLSConfig{CACert: s.CACert, ClientCert: s.ClientCert, ClientKey: s.ClientKey, TLSServerName: s.ServerName},
	}
	if s.RoleID != "" {
		id, err := secretOr(s.SecretID, s.SecretIDFile, "VAULT_SECRET_ID")
		if err != nil {
			return c, err
		}
		c.AppRole = &hashivault.AppRole{RoleID: s.RoleID, SecretID: id}
	}
	switch {
	case len(s.Addresses) == 0:
		return c, errors.New("setting VAULT_ADDR is missing: the URLs of Vault's nodes, comma-separated")
	case token.Len() == 0 && s.RoleID == "":
		return c, errors.New("set VAULT_TOKEN or VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID or VAULT_SECRET_ID_FILE")
	}
	return c, nil
}

// secretOr gives what a setting holds, or the one line of the file that the other one names.
func secretOr(text, path, setting string) (myvault.Value, error) {
	if path == "" {
		return myvault.Text(text), nil
	}
	if text != "" {
		return myvault.Value{}, fmt.Errorf("set %s or %s_FILE, not both", setting, setting)
	}
	line, err := os.ReadFile(path)
	if err != nil {
		return myvault.Value{}, fmt.Errorf("setting %s_FILE names no file that can be read", setting) // nor shown: it may be the secret
	}
	return myvault.Text(strings.TrimRight(string(line), "\r\n")), nil
}

// some keeps a nil pointer from becoming a provider.
func some[T myvault.Provider](p T, err error) (myvault.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
