package stores_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// publishedKey is the master key of README.md and .env.example.
const publishedKey = "base64:jFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6TExE="

// TestPublishedKeyIsRejected covers both settings of the key, new stores and trails. An existing
// store with the published key can still be read, so that it can be moved.
func TestPublishedKeyIsRejected(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "master.key")
	is.NoErr(os.WriteFile(file, []byte(publishedKey+"\n"), 0o600))
	data := filepath.Join(dir, "data")
	for _, s := range []stores.Settings{
		{Provider: "sqlite", Data: data, Key: publishedKey}, {Provider: "sqlite", Data: data, KeyFile: file},
		{Provider: "hashivault", Data: data, KeyFile: file, Addresses: []string{"https://127.0.0.1:8200"}, Token: "t"},
	} {
		_, openErr := s.Open(t.Context(), true)
		if s.Provider == "hashivault" {
			_, openErr = s.Trail(t.Context())
		}
		for _, err := range []error{s.Check(t.Context()), openErr} {
			is.True(errors.Is(err, crypto.ErrKey))
			is.True(strings.Contains(err.Error(), "setting MSA_MASTER_KEY") && strings.Contains(err.Error(), "head -c 32 /dev/urandom"))
			is.True(!strings.Contains(err.Error(), publishedKey[7:20]))
		}
		_, err := os.Stat(filepath.Join(data, "vault.db"))
		is.True(os.IsNotExist(err))
	}
	key, err := crypto.ParseKey(publishedKey)
	is.NoErr(err)
	store, err := sqlite.Open(t.Context(), data, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	is.NoErr(store.Close())
	old, err := stores.Settings{Provider: "sqlite", Data: data, Key: publishedKey}.Open(t.Context(), false)
	is.NoErr(err)
	is.NoErr(old.Close())
}

// TestCheckReportsAllVaultSettings checks that one call reports every invalid setting.
func TestCheckReportsAllVaultSettings(t *testing.T) {
	is := is.New(t)
	err := stores.Settings{
		Provider: "hashivault", Data: t.TempDir(), Key: "short", Addresses: []string{"https://canary@h"}, Token: "canary", TokenFile: "canary",
		RoleID: "canary", SecretIDFile: "/none/canary", Mount: "canary/..", Base: "canary%", KeepVersions: -1, CACert: "canary", ClientCert: "canary",
	}.Check(t.Context())
	is.True(err != nil)
	for _, setting := range []string{
		"MSA_MASTER_KEY", "VAULT_ADDR", "VAULT_TOKEN or VAULT_TOKEN_FILE", "VAULT_SECRET_ID_FILE", "VAULT_MOUNT", "VAULT_BASE", "VAULT_KEEP_VERSIONS",
		"VAULT_CACERT", "VAULT_CLIENT_CERT",
	} {
		is.True(strings.Contains(err.Error(), setting))
	}
	is.True(!strings.Contains(err.Error(), "canary"))
	is.NoErr(stores.Settings{
		Provider: "hashivault", Data: t.TempDir(), Key: crypto.NewKey().Text(), Addresses: []string{"https://127.0.0.1:8200"}, Token: "t",
	}.Check(t.Context()))
}
