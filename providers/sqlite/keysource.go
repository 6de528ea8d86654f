package sqlite

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault/crypto"
)

// KeySource gives the master key. It is asked when a store is opened, before anything is
// read or made; an error of it ends the opening. It is asked again when a file needs
// another key than the one that was given, because another process has changed it; while it
// gives the old one, what needs the new one is [myvault.ErrWrongKey].
type KeySource func(context.Context) (crypto.Key, error)

// StaticKey gives always the same key.
func StaticKey(key crypto.Key) KeySource {
	return func(context.Context) (crypto.Key, error) { return key, nil }
}

// KeyFile reads the key from a file each time it is asked; see [crypto.ReadKeyFile].
func KeyFile(path string) KeySource {
	return func(context.Context) (crypto.Key, error) { return crypto.ReadKeyFile(path) }
}

// KeySettings gives the key that one of the settings MSA_MASTER_KEY and MSA_MASTER_KEY_FILE
// names: its text "base64:<32 bytes>", or the path of a file for [KeyFile]. Both or neither is
// [crypto.ErrKey].
func KeySettings(text, path string) KeySource {
	switch {
	case text == "" && path == "":
		return func(context.Context) (crypto.Key, error) {
			return crypto.Key{}, fmt.Errorf("%w: there is none: set MSA_MASTER_KEY_FILE to the file that holds it, or MSA_MASTER_KEY to the key", crypto.ErrKey)
		}
	case text != "" && path != "":
		return func(context.Context) (crypto.Key, error) {
			return crypto.Key{}, fmt.Errorf("%w: set MSA_MASTER_KEY or MSA_MASTER_KEY_FILE, one and not both", crypto.ErrKey)
		}
	case path != "":
		return ofSetting("MSA_MASTER_KEY_FILE", KeyFile(path))
	}
	return ofSetting("MSA_MASTER_KEY", func(context.Context) (crypto.Key, error) { return crypto.ParseKey(text) })
}

// ofSetting returns source with errors that name the setting.
func ofSetting(name string, source KeySource) KeySource {
	return func(ctx context.Context) (crypto.Key, error) {
		key, err := source(ctx)
		if err != nil {
			return key, fmt.Errorf("setting %s: %w", name, err)
		}
		return key, nil
	}
}
