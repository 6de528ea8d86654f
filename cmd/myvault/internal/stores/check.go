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

// publishedKeyHash is SHA-256 of the 32 bytes of the master key in README.md and .env.example.
const publishedKeyHash = "df2cb927a63e6981ede62a734ab5e75dd30d9b2452236b748a9c409fcf3fb078"

// secretKeys returns the source of the master key. It rejects the key that the documents publish.
// Programs that only read a store, or change its key, do not use it.
func (s Settings) secretKeys() sqlite.KeySource {
	return func(ctx context.Context) (crypto.Key, error) {
		key, err := s.keys()(ctx)
		if err != nil {
			return key, err
		}
		text := strings.TrimPrefix(key.Text(), "base64:")
		raw, err := base64.StdEncoding.DecodeString(text)
		if digest := sha256.Sum256(raw); err != nil || hex.EncodeToString(digest[:]) == publishedKeyHash {
			return crypto.Key{}, fmt.Errorf("setting %s: %w: it is the published example; make a new key with: echo \"base64:$(head -c 32 /dev/urandom | base64)\" (to change the key of an existing store, run myvault rekey)", s.keySetting(), crypto.ErrKey)
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

// Check returns all errors of the settings that can be found without opening the store. Each error
// names its setting. Check does not read files that can be read only once.
func (s Settings) Check(ctx context.Context) error {
	var errs []error
	switch s.Provider {
	case "memory":
		return nil
	case "hashivault":
		errs = s.checkVault()
	case "sqlite":
	default:
		errs = append(errs, errProvider)
	}
	if !ReadableOnce(s.KeyFile) {
		_, err := s.secretKeys()(ctx)
		errs = append(errs, err)
	}
	if info, err := os.Stat(s.Data); err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		errs = append(errs, errors.New("setting MYVAULT_DATA is not a directory"))
	}
	return errors.Join(errs...)
}

// ReadableOnce reports whether one of the files can be read only once, such as a pipe.
func ReadableOnce(paths ...string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular() && !info.IsDir()
	})
}

// checkVault checks the settings of HashiCorp Vault one by one.
func (s Settings) checkVault() []error {
	if ReadableOnce(s.TokenFile, s.SecretIDFile) {
		s.Token, s.TokenFile, s.RoleID, s.SecretID, s.SecretIDFile = "read-later", "", "", "", ""
	}
	c, err := s.vault()
	errs := []error{err}
	check := func(setting string, set func(*hashivault.Config)) {
		valid := c
		valid.Addresses, valid.Mount, valid.Base, valid.KeepVersions, valid.TLS = []string{"https://127.0.0.1:8200"}, "", "", 0, api.TLSConfig{}
		valid.Token, valid.AppRole = myvault.Text("t"), nil
		set(&valid)
		if err := valid.Check(); err != nil {
			errs = append(errs, fmt.Errorf("setting %s: %w", setting, err))
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
	return append(errs, s.checkVaultTLS()...)
}

// checkVaultTLS checks the TLS files. Its errors omit the cause, which contains a path: a user may
// have put a secret there by mistake.
func (s Settings) checkVaultTLS() (errs []error) {
	if ReadableOnce(s.CACert, s.ClientCert, s.ClientKey) {
		return nil
	}
	check := func(text string, files api.TLSConfig) {
		c := hashivault.Config{Addresses: []string{"https://127.0.0.1:8200"}, Token: myvault.Text("t"), TLS: files}
		if c.Check() != nil {
			errs = append(errs, errors.New(text))
		}
	}
	check("setting VAULT_CACERT: cannot read certificates from this file", api.TLSConfig{CACert: s.CACert})
	check("settings VAULT_CLIENT_CERT and VAULT_CLIENT_KEY: cannot read a certificate and its key from these files", api.TLSConfig{ClientCert: s.ClientCert, ClientKey: s.ClientKey})
	return errs
}
