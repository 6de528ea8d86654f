package stores

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// published is SHA-256 of the 32 bytes of the master key in README.md and .env.example.
const published = "df2cb927a63e6981ede62a734ab5e75dd30d9b2452236b748a9c409fcf3fb078"

// ownKeys returns the source of the master key, which fails for one that everybody can read in the
// documents. Stores that have such a key are still opened by the programs that change it.
func (s Settings) ownKeys() sqlite.KeySource {
	return func(ctx context.Context) (crypto.Key, error) {
		key, err := s.keys()(ctx)
		if err != nil {
			return key, err
		}
		text := strings.TrimPrefix(key.Text(), "base64:")
		raw, err := base64.StdEncoding.DecodeString(text)
		if digest := sha256.Sum256(raw); err != nil || hex.EncodeToString(digest[:]) == published {
			return crypto.Key{}, fmt.Errorf("setting %s: %w: it is the example of the documents, which everybody knows; make one with: echo \"base64:$(head -c 32 /dev/urandom | base64)\" (a store that has it already is given another one by examples/rekey)", s.keySetting(), crypto.ErrKey)
		}
		return key, nil
	}
}

func (s Settings) keySetting() string {
	if s.KeyFile != "" {
		return "MSA_MASTER_KEY_FILE"
	}
	return "MSA_MASTER_KEY"
}

// Check returns everything in the settings that would keep Open and Trail from opening, as far as
// that shows without the store. Each error names its setting. Files that can be read only once are
// left to Open.
func (s Settings) Check(ctx context.Context) error {
	var wrong []error
	switch s.Provider {
	case "memory":
		return nil
	case "hashivault":
		wrong = s.checkVault()
	case "sqlite":
	default:
		wrong = append(wrong, errProvider)
	}
	if !Once(s.KeyFile) {
		_, err := s.ownKeys()(ctx)
		wrong = append(wrong, err)
	}
	if info, err := os.Stat(s.Data); err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		wrong = append(wrong, errors.New("setting MYVAULT_DATA names no directory"))
	}
	return errors.Join(wrong...)
}

// Once reports whether one of the files is a pipe, or another thing that is empty once it was read.
func Once(paths ...string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular() && !info.IsDir()
	})
}

// checkVault checks the settings of HashiCorp Vault one by one.
func (s Settings) checkVault() []error {
	if Once(s.TokenFile, s.SecretIDFile) {
		s.Token, s.TokenFile, s.RoleID, s.SecretID, s.SecretIDFile = "read-later", "", "", "", ""
	}
	c, err := s.vault()
	wrong := []error{err}
	check := func(setting string, only func(*hashivault.Config)) {
		good := c
		good.Addresses, good.Mount, good.Base, good.KeepVersions, good.TLS = []string{"https://127.0.0.1:8200"}, "", "", 0, api.TLSConfig{}
		good.Token, good.AppRole = myvault.Text("t"), nil
		only(&good)
		if err := good.Check(); err != nil {
			wrong = append(wrong, fmt.Errorf("setting %s: %w", setting, err))
		}
	}
	if len(s.Addresses) > 0 {
		check("VAULT_ADDR", func(g *hashivault.Config) { g.Addresses = s.Addresses })
	}
	check("VAULT_MOUNT", func(g *hashivault.Config) { g.Mount = s.Mount })
	check("VAULT_BASE", func(g *hashivault.Config) { g.Base = s.Base })
	check("VAULT_KEEP_VERSIONS", func(g *hashivault.Config) { g.KeepVersions = s.KeepVersions })
	if err == nil && s.RoleID == "" {
		check("VAULT_TOKEN or VAULT_TOKEN_FILE", func(g *hashivault.Config) { g.Token = c.Token })
	}
	return append(wrong, s.checkVaultTLS()...)
}

// checkVaultTLS does not repeat the errors about the files: they contain the paths, which may be
// anything.
func (s Settings) checkVaultTLS() (wrong []error) {
	if Once(s.CACert, s.ClientCert, s.ClientKey) {
		return nil
	}
	check := func(text string, files api.TLSConfig) {
		c := hashivault.Config{Addresses: []string{"https://127.0.0.1:8200"}, Token: myvault.Text("t"), TLS: files}
		if c.Check() != nil {
			wrong = append(wrong, errors.New(text))
		}
	}
	check("setting VAULT_CACERT names no file of certificates that can be read", api.TLSConfig{CACert: s.CACert})
	check("settings VAULT_CLIENT_CERT and VAULT_CLIENT_KEY name no certificate and its key that can be read", api.TLSConfig{ClientCert: s.ClientCert, ClientKey: s.ClientKey})
	return wrong
}
