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

// Operator gives what a program needs that works on the files of a server's store: their
// directory and the source of the master key, from the .env that the server reads and the
// environment, which wins. Unlike the server it makes nothing.
func Operator(environ []string) (dir string, keys sqlite.KeySource, err error) {
	_, settings, err := operated(environ)
	if err != nil {
		return "", nil, err
	}
	return dataOf(settings), keySource(settings), nil
}

// keySource is that of the settings in force. A program has none mostly because it was started
// elsewhere than the server.
func keySource(settings map[string]string) sqlite.KeySource {
	if settings[masterKey]+settings[masterKeyFile] == "" {
		return func(context.Context) (crypto.Key, error) { return crypto.Key{}, errNoKey }
	}
	return sqlite.KeySettings(settings[masterKey], settings[masterKeyFile])
}

var errNoKey = fmt.Errorf("%w: there is none; start this program where the server is started, name the server's .env with MYVAULT_ENV, or set MSA_MASTER_KEY_FILE", crypto.ErrKey)

// BackupKeys returns the source of the key that opens a backup: the one configured or, beside a key
// file, one that a change of the key has kept.
func BackupKeys(environ []string, backup string) (sqlite.KeySource, error) {
	_, settings, err := operated(environ)
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

// operated returns the path of the .env that the server reads, "" for none, and the settings in
// force.
func operated(environ []string) (path string, settings map[string]string, err error) {
	settings = env.ToMap(environ)
	if path = Look(settings); path == "" {
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
	if err := Private(path, file); err != nil {
		return path, nil, err
	}
	return path, merged(file, settings), nil
}

// Alone reports whether a directory holds a trail without a store: that of a server whose secrets are in
// HashiCorp Vault.
func Alone(dir string) bool {
	return !exists(filepath.Join(dir, "vault.db")) && exists(filepath.Join(dir, "access.db"))
}

// Existing refuses a directory without a store: opening one would make it.
func Existing(dir string) error {
	if Alone(dir) {
		return fmt.Errorf("%s holds a trail alone: its server keeps the secrets in HashiCorp Vault, which has commands of its own for them (vault operator raft snapshot save, vault kv); verify, prune -days and rekey work on the trail", dir)
	}
	if !exists(filepath.Join(dir, "vault.db")) {
		return fmt.Errorf("there is no store in %s; name its directory with MYVAULT_DATA, or give it to a command that takes one", dir)
	}
	return nil
}

// KeepAll is for programs that are not asked to remove anything: a trail that they have open for
// more than a minute would be pruned by age.
var KeepAll = sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}

// Store opens the store of a server, for a program that works on its files.
func Store(ctx context.Context, environ []string) (*sqlite.Store, error) {
	dir, keys, err := Operator(environ)
	if err != nil {
		return nil, err
	}
	if err := Existing(dir); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, dir, keys, sqlite.Config{Trail: KeepAll})
}

// WriteNew writes a new file durably. It fails if path exists.
func WriteNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// Heads reads the heads that were written with a backup. A file without one of each chain is
// refused: with it, a check would not notice that a chain was cut short.
func Heads(path string) ([]myvault.Head, error) {
	return headsOf(path, myvault.ChainChanges, myvault.ChainAccess)
}

// TrailHeads is Heads of a trail alone.
func TrailHeads(path string) ([]myvault.Head, error) { return headsOf(path, myvault.ChainAccess) }

func headsOf(path string, chains ...string) ([]myvault.Head, error) {
	heads, err := sqlite.ReadHeads(path)
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(heads, func(h myvault.Head) bool { return h.Chain == chain }) {
			return nil, fmt.Errorf("%s has no head of the chain of %s; give the heads of a backup that ended well", path, chain)
		}
	}
	return heads, nil
}
