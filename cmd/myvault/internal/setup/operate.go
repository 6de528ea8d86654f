package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// StoreSettings returns the directory of a server's store and the source of its master key, for
// programs that work on its files. Settings come from the environment and the server's .env, in
// this order. Unlike the server, it creates nothing.
func StoreSettings(environ []string) (dir string, keys sqlite.KeySource, err error) {
	_, settings, err := readSettings(environ)
	if err != nil {
		return "", nil, err
	}
	return dataDir(settings), keySource(settings), nil
}

// keySource returns the source of the configured key. If there is none, the program was probably
// started in another directory than the server.
func keySource(settings map[string]string) sqlite.KeySource {
	if settings[masterKey]+settings[masterKeyFile] == "" {
		return func(context.Context) (crypto.Key, error) { return crypto.Key{}, errNoKey }
	}
	return sqlite.KeySettings(settings[masterKey], settings[masterKeyFile])
}

var errNoKey = fmt.Errorf("%w: no key is set; start this program in the server's directory, set MYVAULT_ENV to the server's .env, or set MSA_MASTER_KEY_FILE", crypto.ErrKey)

// BackupKeys returns the source of the key that opens a backup: the configured key, or an older one
// that rekey has kept next to the key file.
func BackupKeys(environ []string, backup string) (sqlite.KeySource, error) {
	_, settings, err := readSettings(environ)
	if err != nil {
		return nil, err
	}
	if file := settings[masterKeyFile]; file != "" && settings[masterKey] == "" {
		return sqlite.BackupKey(backup, file), nil
	}
	return keySource(settings), nil
}

const (
	masterKey     = "MSA_MASTER_KEY"
	masterKeyFile = "MSA_MASTER_KEY_FILE"
)

// ServerSettings returns the path of the server's .env, or "" if there is none, and the settings of
// the .env and the environment. Unlike [Read], it accepts settings that the program does not know.
func ServerSettings(environ []string) (path string, settings map[string]string, err error) {
	path, settings, err = readSettings(environ)
	return path, withoutEmpty(settings), err
}

// LocalSettings is [ServerSettings] for programs that open the store. A .env that MYVAULT_ENV
// does not name may be that of a foreign checkout, so it must not choose the machine that gets a
// token of Vault.
func LocalSettings(environ []string) (path string, settings map[string]string, err error) {
	path, settings, err = ServerSettings(environ)
	if err != nil || settings["MYVAULT_PROVIDER"] != "hashivault" {
		return path, settings, err
	}
	process := env.ToMap(environ)
	for _, name := range []string{"VAULT_ADDR", "VAULT_PLAINTEXT", "VAULT_CACERT", "VAULT_TLS_SERVER_NAME"} {
		if FromUnnamed(process, settings, name) {
			return path, nil, fmt.Errorf("%s sets %s; if you trust this file, set MYVAULT_ENV to its path", path, name)
		}
	}
	return path, settings, nil
}

// FromUnnamed reports whether a setting comes from a .env that was found in a directory, not named
// with MYVAULT_ENV.
func FromUnnamed(process, settings map[string]string, name string) bool {
	return process["MYVAULT_ENV"] == "" && process[name] == "" && settings[name] != ""
}

// readSettings returns the path of the server's .env, or "" if there is none, and the settings.
func readSettings(environ []string) (path string, settings map[string]string, err error) {
	settings = env.ToMap(environ)
	if path = LocateEnv(settings); path == "" {
		return path, settings, nil
	}
	f, err := trusted.Open(path, trusted.Anyone)
	if err != nil {
		return path, nil, err
	}
	file, err := myvault.ReadEnv(f)
	_ = f.Close()
	if err != nil {
		return path, nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := CheckPrivate(path, file); err != nil {
		return path, nil, err
	}
	return path, mergeSettings(file, settings), nil
}

// IsTrailOnly reports whether a directory has a trail but no store. Such a server stores its
// secrets in HashiCorp Vault.
func IsTrailOnly(dir string) bool {
	return !exists(filepath.Join(dir, "vault.db")) && exists(filepath.Join(dir, "access.db"))
}

// CheckStore returns an error if a directory has no store. Opening the store would create it.
func CheckStore(dir string) error {
	if IsTrailOnly(dir) {
		return fmt.Errorf("%s has only a trail: the secrets are in HashiCorp Vault, so use its commands for them (vault operator raft snapshot save, vault kv); verify, prune -days and rekey work on the trail", dir)
	}
	if !exists(filepath.Join(dir, "vault.db")) {
		return fmt.Errorf("no store in %s: set MYVAULT_DATA to its directory, or pass the directory if the command accepts one", dir)
	}
	return nil
}

// KeepAll is for programs that must not remove trail entries. By default, a trail that is open for
// more than a minute is pruned by age.
var KeepAll = sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}

// Store opens the store of a server for a program that works on its files.
func Store(ctx context.Context, environ []string) (*sqlite.Store, error) {
	dir, keys, err := StoreSettings(environ)
	if err != nil {
		return nil, err
	}
	if err := CheckStore(dir); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, dir, keys, sqlite.Config{Trail: KeepAll})
}

// WriteNew writes a new file that only its owner can read, and syncs it to the disk. It fails if
// path exists. If it fails otherwise, it leaves no file.
func WriteNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// Heads reads the heads that were written with a backup. It returns an error if a chain has no
// head, because a check could then not detect that the chain was truncated.
func Heads(path string) ([]myvault.Head, error) {
	return readHeads(path, myvault.ChainChanges, myvault.ChainAccess)
}

// TrailHeads is Heads for a trail without a store.
func TrailHeads(path string) ([]myvault.Head, error) { return readHeads(path, myvault.ChainAccess) }

func readHeads(path string, chains ...string) ([]myvault.Head, error) {
	heads, err := sqlite.ReadHeads(path)
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(heads, func(h myvault.Head) bool { return h.Chain == chain }) {
			return nil, fmt.Errorf("%s has no head of the chain %s: use the heads of a complete backup", path, chain)
		}
	}
	return heads, nil
}
