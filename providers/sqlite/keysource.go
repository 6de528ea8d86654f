package sqlite

import (
	"context"
	"fmt"

	"github.com/myswiftagent/myvault/crypto"
)

// KeySource returns the master key. Open asks it before it reads or creates anything, and
// returns its error. It is asked again when another process has changed the master key. As
// long as it then returns the old key, operations that need the new one return
// [myvault.ErrWrongKey].
type KeySource func(context.Context) (crypto.Key, error)

// StaticKey always returns key.
func StaticKey(key crypto.Key) KeySource {
	return func(context.Context) (crypto.Key, error) { return key, nil }
}

// KeyFile reads the key from a file each time it is asked; see [crypto.ReadKeyFile].
func KeyFile(path string) KeySource {
	return func(context.Context) (crypto.Key, error) { return crypto.ReadKeyFile(path) }
}

// KeySettings returns the key named by one of the settings MSA_MASTER_KEY and
// MSA_MASTER_KEY_FILE: text is "base64:<32 bytes>", path a file for [KeyFile]. The source
// returns [crypto.ErrKey] if both or neither are set.
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
